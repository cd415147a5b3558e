"""Prometheus metrics of the breaker: counters of this process's calls and transitions, and the shared state, read at each scrape."""

from collections.abc import Iterator

from prometheus_client import Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gdmarket.breaker import declared
from gdmarket.breaker.models import Circuit, State

# `outcome` is succeeded, slow (succeeded, but took too long) or failed; an interrupted call is not counted.
CALLS = Counter("breaker_calls", "Calls that went through, by outcome.", ["dependency", "outcome"])
REFUSED = Counter("breaker_refused", "Calls refused without calling the dependency.", ["dependency"])
TRANSITIONS = Counter("breaker_transitions", "Transitions made by this process.", ["dependency", "state"])


class StateCollector(Collector):
    """Reads the state of every dependency at each scrape."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read the rows.

        :raises DatabaseError: if they cannot be read
        """
        states = dict.fromkeys(declared(), State.CLOSED.value) | dict(Circuit.objects.values_list("name", "state"))
        family = GaugeMetricFamily("breaker_state", "1 for the state that the dependency is in.", labels=["dependency", "state"])
        for name, current in sorted(states.items()):
            for state in State:
                family.add_metric([name, state.value], float(current == state.value))
        yield family
