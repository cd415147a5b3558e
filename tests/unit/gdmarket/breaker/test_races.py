"""Many processes change one row at once: each generation begins once, and has at most two probes."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gdmarket.breaker import OpenError, Policy
from gdmarket.breaker.models import Circuit, CircuitSnapshot, State
from tests.unit.gdmarket.breaker.harness import ProviderError, WatchedBreaker, in_threads

pytestmark = pytest.mark.django_db(transaction=True)

PROCESSES = 6
# Every failure opens it, and nothing is waited for: each call may change the state.
HOT = Policy(minimum_calls=1, open_s=0.0, jitter=0.0, probe_deadline_s=0.0)
CALLS = st.sampled_from(["succeeds", "fails", "not counted", "dies"])


class Process:
    """A process with its own breaker, and the calls it has to make."""

    def __init__(self, calls: Sequence[str], permits: list[CircuitSnapshot]) -> None:
        self._breaker = WatchedBreaker(name="provider", monotonic=time.monotonic, policy=HOT)
        self._calls = calls
        self._permits = permits

    def run(self) -> None:
        for call in self._calls:
            with suppress(OpenError, ProviderError):
                self._make(call)

    def _make(self, call: str) -> None:
        if call == "dies":
            self._permits.append(self._breaker._permit())
            return
        self._breaker.call(lambda: self._act(call), counts_as_success=call != "not counted")

    def _act(self, call: str) -> None:
        # A call that is not counted gives its permit back.
        if call != "not counted":
            self._permits.append(self._breaker.permit)
        if call == "fails":
            raise ProviderError


def run_at_once(processes: list[Process]) -> None:
    waiting = iter(processes)

    def run_one() -> None:
        next(waiting).run()

    in_threads(run_one, threads=len(processes))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plans=st.lists(st.lists(CALLS, min_size=4, max_size=10), min_size=PROCESSES, max_size=PROCESSES))
def test_each_generation_begins_once_and_has_two_probes_whatever_processes_do_at_once(
    caplog: pytest.LogCaptureFixture, plans: list[list[str]]
) -> None:
    Circuit.objects.all().delete()
    caplog.clear()
    permits: list[CircuitSnapshot] = []

    with caplog.at_level(logging.WARNING):
        run_at_once([Process(calls, permits) for calls in plans])

    row = Circuit.objects.filter(name="provider").first()
    assert len(caplog.messages) == (row.generation if row else 0)
    assert all(permit.generation >= 0 for permit in permits)
    probes = Counter(permit.generation for permit in permits if permit.state is State.HALF_OPEN)
    assert max(probes.values(), default=0) <= HOT.probes
    assert not probes.keys() & {permit.generation for permit in permits if permit.state is State.CLOSED}
