"""`kill -9`: how long the lanes that a relay had in hand stand still."""

import time
from statistics import median

from bench.bus.backlog import Backlog
from bench.bus.relays import running
from bench.report import Figure
from gdmarket.bus.models import Delivery

_LONGEST_S = 180.0


def measure(*, waiting: Backlog) -> list[Figure]:
    """Return how long it took, after one of two relays was killed with a backlog to do, until the lanes in hand had gone on.

    The lanes of the relay that lives are counted too: nobody can tell whose is whose, and its own go on at once.
    """
    waiting.refill()
    with running(relays=2) as (victim, _):
        victim.kill()
        victim.wait()
        waits = _waits(_lanes_in_hand(), killed_at=time.perf_counter())
    return [
        Figure(what="lanes in hand when one of two relays was killed", values=[len(waits)], unit=""),
        Figure(what="median wait of a lane in hand, after kill -9", values=[median(waits)], unit="s"),
        Figure(
            what=f"longest wait of a lane in hand, after kill -9 ({_LONGEST_S:g} s: gave up)",
            values=[max(waits)],
            unit="s",
            aim="less than 15 s",
        ),
    ]


def _lanes_in_hand() -> set[int]:
    """Return the heads of the lanes that are leased."""
    leased = Delivery.objects.filter(token__isnull=False).order_by("lane", "-version").values_list("lane", "id")
    return set(dict(leased).values())


def _waits(heads: set[int], *, killed_at: float) -> list[float]:
    """Return after how many seconds each head was done."""
    waits: list[float] = []
    while heads and time.perf_counter() - killed_at < _LONGEST_S:
        time.sleep(0.1)
        there = set(Delivery.objects.filter(pk__in=heads).values_list("pk", flat=True))
        waits += [time.perf_counter() - killed_at] * len(heads - there)
        heads &= there
    return waits + [_LONGEST_S] * len(heads)
