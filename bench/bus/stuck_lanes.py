"""What lanes that cannot move cost those that can."""

from datetime import UTC, datetime, timedelta
from statistics import mean

from bench import bulk, stories
from bench.bus import backlog
from bench.bus.backlog import Backlog
from bench.bus.relays import running
from bench.report import Figure
from gdmarket.bus.models import Delivery, Event

STUCK = 100_000
_ROUNDS = 2


def measure(*, seconds: float, waiting: Backlog) -> list[Figure]:
    """Return the cost of stuck lanes in per cent of the throughput of free ones, for heads that are dead and for heads put off.

    Free and stuck are measured in turn under one relay, and each stuck turn is compared with the free ones before and after it.
    """
    waiting.refill()
    rates: list[tuple[str, float]] = []
    with running(relays=1):
        for kind in ("", *("dead", "", "put off", "") * _ROUNDS):
            if kind:
                _get_stuck(dead=kind == "dead")
            rates.append((kind, _rate(seconds=seconds, waiting=waiting)))
            if kind:
                _come_loose()
    return [_cost(kind, rates) for kind in ("dead", "put off")]


def _rate(*, seconds: float, waiting: Backlog) -> float:
    waiting.top_up()
    bulk.settle(Delivery)
    return backlog.rate(seconds=seconds)


def _get_stuck(*, dead: bool) -> None:
    """Let 100 000 deliveries wait in two lanes, behind a head that is dead, or that is to be tried again in a day."""
    event_id = Event.objects.values_list("seq", flat=True)[0]
    now = datetime.now(UTC)
    later = now if dead else now + timedelta(days=1)
    rows = (
        (event_id, stories.SUBSCRIBER, lane, version, later if version == 1 else now, None, 0, dead and version == 1, "")
        for version in range(1, STUCK // len(backlog.STUCK_LANES) + 1)
        for lane in backlog.STUCK_LANES
    )
    bulk.insert(model=Delivery, columns=stories.DELIVERY, rows=rows)


def _come_loose() -> None:
    Delivery.objects.filter(lane__in=backlog.STUCK_LANES).delete()


def _cost(kind: str, rates: list[tuple[str, float]]) -> Figure:
    costs = [
        100 * (1 - rate / mean([rates[turn - 1][1], rates[turn + 1][1]])) for turn, (measured, rate) in enumerate(rates) if measured == kind
    ]
    return Figure(what=f"cost of {STUCK} deliveries stuck in 2 lanes, heads {kind}", values=costs, unit="%", aim="less than 10 %")
