"""The bus's Prometheus metrics: deliveries as each process settles them, and the backlog, read from the database at each scrape."""

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

# Counted no further, so that the cost of a scrape is bounded.
_COUNT_LIMIT = 100_000

DeliveryOutcome = Literal["done", "retried", "postponed", "dead", "lease_lost", "released"]

_handled = Counter("bus_handled", "Claimed deliveries, by outcome.", ["subscriber", "outcome"])
_handle_seconds = Histogram(
    "bus_handle_seconds",
    "Seconds to handle deliveries, from the call of the handler to the end of its transaction.",
    ["subscriber"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0),
)
_GAUGES = {
    "bus_pending": ("pending", "Deliveries that are due; counted to 100,000 or twice that."),
    "bus_oldest_age_seconds": ("oldest_age_s", "Age of the oldest delivery that is due; 0 if there is none."),
    "bus_dead": ("dead", "Dead deliveries, which wait for an operator."),
    "bus_timers": ("timers", "Deliveries that are not due yet."),
    "bus_paused": ("paused", "1 while the subscriber is paused."),
    "bus_relay_seen_seconds": (
        "relay_seen_s",
        "Seconds since a relay last finished a round for the subscriber; missing if none did within an hour.",
    ),
}


def count_handled(*, subscriber: str, outcome: DeliveryOutcome, count: int = 1) -> None:
    """Count deliveries by outcome, once each time they were claimed.

    `done`: handled and acknowledged. `retried`: failed, and will be retried. `postponed`: the handler raised `Retry`. `dead`: waits for an
    operator. `lease_lost`: another worker has it; rolled back. `released`: not begun.
    """
    _handled.labels(subscriber, outcome).inc(count)


def handle_time(*, subscriber: str) -> AbstractContextManager[object]:
    """Return a context manager that times its block as one call of a subscriber's handler, failed or not."""
    return _handle_seconds.labels(subscriber).time()


def observe_handling(*, subscriber: str, seconds: float) -> None:
    """Record how long one transaction of a subscriber's handlers took."""
    _handle_seconds.labels(subscriber).observe(seconds)


class BacklogCollector(Collector):
    """Reads the backlog from the database at each scrape; a database that is away gives no samples, the others do."""

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Return the metrics without samples: the database is not read."""
        return self._families({})

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the metrics with the backlog of every log."""
        found: dict[str, Backlog] = {}
        for using in databases.aliases():
            try:
                found |= backlog.measure(limit=_COUNT_LIMIT, using=using)
            except Error:
                logger.warning("the backlog in %s cannot be measured", using, exc_info=True)
        return self._families(found)

    def _families(self, found: dict[str, Backlog]) -> Iterator[GaugeMetricFamily]:
        for name, (field, help_text) in _GAUGES.items():
            family = GaugeMetricFamily(name, help_text, labels=["subscriber"])
            for subscriber, measured in found.items():
                value = getattr(measured, field)
                if value is not None:
                    family.add_metric([subscriber], float(value))
            yield family
