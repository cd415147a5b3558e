"""What stuck lanes cost the others."""

from datetime import UTC, datetime, timedelta
from statistics import mean

from django.db import connection

from bench.bus.backlog import STUCK_LANES, Backlog, rate
from bench.dataset import settle
from deploy.report import Figure
from gdmarket.bus.models import Delivery

STUCK = 100_000
_BLOCK = """
WITH RECURSIVE versions(version) AS (SELECT 1 UNION ALL SELECT version + 1 FROM versions WHERE version < %s)
INSERT INTO bus_delivery (event_id, subscriber, lane, version, not_before, attempts, dead, error)
SELECT (SELECT min(seq) FROM bus_event), 'status_view', %s, version, CASE version WHEN 1 THEN %s ELSE %s END, 0, %s AND version = 1, ''
FROM versions
"""
_ROUNDS = 2


def measure(*, seconds: float, backlog: Backlog) -> list[Figure]:
    """Return the cost of stuck lanes in per cent of the throughput of free ones, for heads that are dead and for heads that back off.

    Free and stuck are measured in turn under one relay, and each stuck turn is compared with the free ones before and after it.
    """
    backlog.refill()
    rates: list[tuple[str, float]] = []
    with backlog.relays(1):
        for kind in ("", *("dead", "", "backing off", "") * _ROUNDS):
            if kind:
                _block_lanes(dead=kind == "dead")
            backlog.top_up()
            settle("bus_delivery")
            rates.append((kind, rate(seconds=seconds)))
            Delivery.objects.filter(lane__in=STUCK_LANES).delete()
    return [
        Figure(
            what=f"cost of {STUCK} deliveries stuck in 2 lanes, heads {kind}",
            values=[
                100 * (1 - stuck / mean([rates[turn - 1][1], rates[turn + 1][1]]))
                for turn, (measured, stuck) in enumerate(rates)
                if measured == kind
            ],
            unit="%",
            aim="less than 10 %",
        )
        for kind in ("dead", "backing off")
    ]


def _block_lanes(*, dead: bool) -> None:
    """Add 100 000 pending deliveries in two lanes, behind a head that is dead, or that is to be tried again in a day."""
    now = datetime.now(UTC)
    with connection.cursor() as cursor:
        for lane in STUCK_LANES:
            cursor.execute(_BLOCK, [STUCK // len(STUCK_LANES), lane, now if dead else now + timedelta(days=1), now, dead])
