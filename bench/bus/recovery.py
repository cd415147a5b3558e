"""`kill -9`: how long the lanes of a killed relay wait."""

import time
from statistics import median

from bench.bus.backlog import Backlog
from deploy.report import Figure
from gdmarket.bus.models import Delivery

_LONGEST_S = 180.0


def measure(*, backlog: Backlog) -> list[Figure]:
    """Return how long leased lanes waited after one of two relays was killed.

    The other relay's lanes are counted too, since a lease does not name its relay; they go on at once.
    """
    backlog.refill()
    with backlog.relays(2) as (killed, _):
        killed.kill()
        killed_at = time.perf_counter()
        leased = Delivery.objects.filter(token__isnull=False).order_by("lane", "-version").values_list("lane", "id")
        heads = set(dict(leased).values())
        waits: list[float] = []
        while heads and time.perf_counter() - killed_at < _LONGEST_S:
            time.sleep(0.1)
            left = set(Delivery.objects.filter(pk__in=heads).values_list("pk", flat=True))
            waits += [time.perf_counter() - killed_at] * len(heads - left)
            heads = left
    waits += [_LONGEST_S] * len(heads)
    longest = f"longest wait of a leased lane, after kill -9 ({_LONGEST_S:g} s: gave up)"
    return [
        Figure(what="leased lanes when one of two relays was killed", values=[len(waits)]),
        Figure(what="median wait of a leased lane, after kill -9", values=[median(waits)], unit="s"),
        Figure(what=longest, values=[max(waits)], unit="s", aim="less than 15 s"),
    ]
