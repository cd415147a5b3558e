"""Prometheus gauges that are read from the tables: open rentals, unsettled money, and how long each database takes to answer."""

import time
from collections.abc import Iterator

from django.db import connections
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from apps.payments import queries as payments
from apps.rentals import queries as rentals
from gdmarket import clock

_KINDS = ("pending", "unknown", "refund")


class RentalsCollector(Collector):
    """Open rentals by state."""

    def collect(self) -> Iterator[Metric]:
        """Count."""
        count = GaugeMetricFamily("rentals_open", "Rentals that have not ended, by state.", labels=["state"])
        late = GaugeMetricFamily("rentals_late", "Those of them for which the time to leave the state is over.", labels=["state"])
        for row in rentals.count_open(now=clock.now()):
            count.add_metric([row.state], row.count)
            late.add_metric([row.state], row.late)
        yield from (count, late)


class MoneyCollector(Collector):
    """Payments and refunds whose outcome the provider has not reported."""

    def collect(self) -> Iterator[Metric]:
        """Sum by kind and currency; a kind that there is none of has an age of 0 and no sums."""
        labels = ["kind", "currency"]
        count = GaugeMetricFamily("money_at_risk_count", "Payments pending or unknown, and refunds due.", labels=labels)
        amount = GaugeMetricFamily("money_at_risk_minor_units", "Their sum, in minor units of the currency.", labels=labels)
        oldest = GaugeMetricFamily("money_at_risk_oldest_seconds", "For how long the oldest has been so; 0 for none.", labels=["kind"])
        found = payments.list_at_risk()
        for row in found:
            count.add_metric([row.kind, row.currency], row.count)
            amount.add_metric([row.kind, row.currency], row.amount)
        now = clock.now()
        for kind in _KINDS:
            ages_s = [(now - row.oldest_at).total_seconds() for row in found if row.kind == kind]
            oldest.add_metric([kind], max([0.0, *ages_s]))
        yield from (count, amount, oldest)


class DatabaseCollector(Collector):
    """How long a database takes to answer `SELECT 1` over a new connection."""

    def __init__(self, *, alias: str) -> None:
        self._alias = alias

    def collect(self) -> Iterator[Metric]:
        """Ask.

        :raises DatabaseError: if it does not answer
        """
        family = GaugeMetricFamily("database_answer_seconds", "How long a connection and an answer take.", labels=["database"])
        began_s = time.perf_counter()
        with connections[self._alias].cursor() as cursor:
            cursor.execute("SELECT 1")
        family.add_metric([self._alias], time.perf_counter() - began_s)
        yield family
