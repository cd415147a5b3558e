"""What the breaker counts for Prometheus: calls, refusals and changes, in each process; and how things stand, when it is asked."""

import logging
from collections.abc import Iterator
from typing import Literal

from django.db import Error
from prometheus_client import Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gdmarket.breaker import names, store
from gdmarket.breaker.models import CircuitSnapshot, State

_log = logging.getLogger(__name__)

Outcome = Literal["succeeded", "slow", "failed"]

_calls = Counter("breaker_calls", "Calls that went through, by how they ended.", ["dependency", "outcome"])
_refused = Counter("breaker_refused", "Calls that were refused without asking the dependency.", ["dependency"])
_transitions = Counter("breaker_transitions", "Changes of state that this process made.", ["dependency", "state"])


def called(*, dependency: str, outcome: Outcome) -> None:
    """Count a call that ended; `slow`: it succeeded, but took too long. One that was interrupted is not counted."""
    _calls.labels(dependency, outcome).inc()


def refused(*, dependency: str) -> None:
    """Count a call that was refused."""
    _refused.labels(dependency).inc()


def transitioned(*, dependency: str, state: State) -> None:
    """Count a change to `state`."""
    _transitions.labels(dependency, state.value).inc()


class StateCollector(Collector):
    """Reads the rows at each scrape; a database out of reach gives no samples, and spoils no others."""

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the metric, without a look at the database."""
        return self._families({})

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read."""
        try:
            found = dict.fromkeys(names.declared(), CircuitSnapshot()) | store.read_all()
        except Error:
            _log.warning("how dependencies stand cannot be read", exc_info=True)
            found = {}
        return self._families(found)

    def _families(self, found: dict[str, CircuitSnapshot]) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily("breaker_state", "1 for the state that the dependency is in.", labels=["dependency", "state"])
        for name, snapshot in sorted(found.items()):
            for state in State:
                family.add_metric([name, state.value], float(snapshot.state is state))
        yield family
