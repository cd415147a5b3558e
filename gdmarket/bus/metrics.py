"""What the bus counts for Prometheus: deliveries as they are settled, in each process; and the backlog, when it is asked for."""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Literal

from django.db import Error
from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gdmarket import databases
from gdmarket.bus import backlog
from gdmarket.bus.backlog import Backlog

logger = logging.getLogger(__name__)

# Nothing is counted further: a scrape must not cost more, the worse things are.
_MOST = 100_000

DeliveryOutcome = Literal["done", "retried", "postponed", "dead", "lease_lost", "released"]

_handled = Counter("bus_handled", "Deliveries taken in hand, by what became of them.", ["subscriber", "outcome"])
_handle_seconds = Histogram(
    "bus_handle_seconds",
    "How long it took to handle deliveries, from the handler's call to the end of its transaction.",
    ["subscriber"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0),
)
_GAUGES = {
    "bus_pending": ("pending", "Deliveries that are due; counted to 100,000 or twice that."),
    "bus_oldest_age_seconds": ("oldest_age_s", "For how long the oldest delivery that is due has been outstanding; 0 where there is none."),
    "bus_dead": ("dead", "Deliveries that failed for good and wait for an operator."),
    "bus_timers": ("timers", "Deliveries that are not due yet."),
    "bus_paused": ("paused", "1 while the subscriber is paused."),
    "bus_relay_seen_seconds": (
        "relay_seen_s",
        "How long ago a relay last came round for the subscriber; missing where none did in an hour.",
    ),
}


def handled(*, subscriber: str, outcome: DeliveryOutcome, count: int = 1) -> None:
    """Count deliveries that were settled, once each time they were in hand.

    `done`: handled and acknowledged. `retried`: it failed, and is put off. `postponed`: put off by the handler's own wish. `dead`: it
    waits for an operator. `lease_lost`: another worker has it; rolled back. `released`: given back untried.
    """
    _handled.labels(subscriber, outcome).inc(count)


def handle_time(*, subscriber: str) -> AbstractContextManager[object]:
    """Return what times its block as one call of a subscriber's handler, whether it succeeds or fails."""
    return _handle_seconds.labels(subscriber).time()


class BacklogCollector(Collector):
    """Reads the backlog from the database at each scrape; a database out of reach gives no samples, and spoils no others."""

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the metrics, without a look at the database."""
        return self._families({})

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Measure."""
        found: dict[str, Backlog] = {}
        for using in databases.aliases():
            try:
                found |= backlog.measure(most=_MOST, using=using)
            except Error:
                logger.warning("the backlog in %s cannot be measured", using, exc_info=True)
        return self._families(found)

    def _families(self, found: dict[str, Backlog]) -> Iterator[GaugeMetricFamily]:
        for name, (field, told) in _GAUGES.items():
            family = GaugeMetricFamily(name, told, labels=["subscriber"])
            for subscriber, measured in found.items():
                value = getattr(measured, field)
                if value is not None:
                    family.add_metric([subscriber], float(value))
            yield family
