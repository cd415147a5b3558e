"""`kill -9`: how long the lanes that a relay had in hand stand still."""

import time
from collections import defaultdict

from bench.bus.backlog import Backlog
from bench.bus.relays import running
from bench.report import Figure
from gdmarket.bus.models import Delivery

_LONGEST_S = 180.0


def measure(*, waiting: Backlog) -> list[Figure]:
    """Return how long it took, after one of two relays was killed, until every lane in its hands had gone on; the backlog remains."""
    waiting.refill()
    with running(relays=2) as (victim, _):
        victim.kill()
        victim.wait()
        killed_at = time.perf_counter()
        in_hand = dict(Delivery.objects.filter(token__isnull=False).order_by("lane", "-version").values_list("lane", "id"))
        waited = _waited(in_hand, killed_at=killed_at)
    longest = max(waited.values(), default=0.0)
    return [
        Figure(what="longest wait of a lane after kill -9 of one of two relays", values=[longest], unit="s", aim="less than 15 s"),
    ]


def _waited(heads: dict[str, int], *, killed_at: float) -> dict[str, float]:
    """Return after how many seconds each lane's head was done. The living relay's lanes count too: nobody can tell whose is whose."""
    waited: dict[str, float] = defaultdict(lambda: _LONGEST_S)
    left = dict(heads)
    while left and time.perf_counter() - killed_at < _LONGEST_S:
        time.sleep(0.1)
        there = set(Delivery.objects.filter(pk__in=left.values()).values_list("pk", flat=True))
        at = time.perf_counter() - killed_at
        waited |= {lane: at for lane, head in left.items() if head not in there}
        left = {lane: head for lane, head in left.items() if head in there}
    return waited | dict.fromkeys(left, _LONGEST_S)
