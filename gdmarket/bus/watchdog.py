"""Whether the threads of a relay come round: kept in this process alone, for whoever may restart it."""

from collections.abc import Iterable, Iterator
from time import monotonic

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

# The longest a healthy thread is busy with one delivery is what a payment provider may take, some 20 s with its look-ups.
HANGS_AFTER_S = 30.0


class Watchdog(Collector):
    """When each thread of a relay last came round; a thread that waits for a database that is away comes round."""

    def __init__(self, *, subscribers: Iterable[str]) -> None:
        """Begin to count now, so that a thread that never comes to its first round is noticed too."""
        self._last_reset_s = dict.fromkeys(subscribers, monotonic())

    def reset(self, *, subscriber: str) -> None:
        """Note that a thread is about to go on."""
        self._last_reset_s[subscriber] = monotonic()

    def hanging(self) -> list[str]:
        """Return for whom nobody has come round for 30 s."""
        return sorted(subscriber for subscriber, silent_s in self._silent_s().items() if silent_s > HANGS_AFTER_S)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the metric."""
        return self._families({})

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Tell for how long each thread has been silent."""
        return self._families(self._silent_s())

    def _silent_s(self) -> dict[str, float]:
        now_s = monotonic()
        return {subscriber: now_s - came_s for subscriber, came_s in self._last_reset_s.items()}

    def _families(self, silent_s: dict[str, float]) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily("relay_silent_seconds", "For how long a thread of this relay has not come round.", labels=["subscriber"])
        for subscriber, seconds in silent_s.items():
            family.add_metric([subscriber], round(seconds, 3))
        yield family
