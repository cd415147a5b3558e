"""One breaker for two servers of four workers each: who asks while it is open, who probes, and who dies of it."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.servers.waiting import wait_until
from gdmarket.breaker.cache import REFRESH_EVERY_S
from gdmarket.breaker.models import Circuit, State
from tests.e2e.brisk import BRISK

pytestmark = pytest.mark.nightly("sqlite")  # slow: by day on PostgreSQL alone

SERVERS = 2
WORKERS = 8
PROBES = 2
# Closed, open, half-open: the generations 0, 1, 2.
FIRST_TRIAL = 2
FAILED_TRIALS = 8
# For a machine that has more to do.
SLACK_S = 2.0
# Between a permit and the call it permits.
TICK_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A call that reached the provider."""

    at: float
    process: int
    state: State
    generation: int


class Street:
    """The provider, and what it remembers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "calls").touch()
        self.provider("answers")

    def provider(self, behaviour: str) -> None:
        """Let the provider answer, fail or hang from now on."""
        fresh = self.folder / "fresh"
        fresh.write_text(behaviour)
        fresh.replace(self.folder / "behaviour")

    def calls(self) -> list[Call]:
        lines = [line.split() for line in (self.folder / "calls").read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [Call(at=float(at), process=int(pid), state=State(state), generation=int(number)) for at, pid, state, number in lines]

    def probes(self) -> Counter[int]:
        """Return how many calls each half-open generation let through."""
        return Counter(call.generation for call in self.calls() if call.state is State.HALF_OPEN)

    def first_trial(self, *, after: int) -> list[Call]:
        """Return the probes of the first half-open generation that came after this one."""
        probes = [call for call in self.calls() if call.state is State.HALF_OPEN and call.generation > after]
        return [call for call in probes if call.generation == min(probe.generation for probe in probes)]


@pytest.fixture
def street(tmp_path: Path, process_environment: dict[str, str]) -> Iterator[Street]:
    """Return a provider that eight processes of two servers ask."""
    street = Street(tmp_path)
    servers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.breaker_callers", str(tmp_path)],
            env=process_environment,
            stdout=subprocess.PIPE,
            text=True,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(SERVERS)
    ]
    yield street
    for server in servers:
        os.killpg(server.pid, signal.SIGKILL)
        server.communicate()


def stands(state: State) -> bool:
    return Circuit.objects.filter(state=state).exists()


def test_eight_processes_share_one_breaker(street: Street) -> None:
    wait_until(lambda: len({call.process for call in street.calls()}) == WORKERS, "every process to have called")

    street.provider("fails")
    wait_until(lambda: stands(State.OPEN), "it to open")
    opened_at = time.time()
    wait_until(lambda: len(street.probes()) >= FAILED_TRIALS, "the trials to fail")
    asked_closed = [call for call in street.calls() if call.state is State.CLOSED]
    assert {call.generation for call in asked_closed} == {0}
    assert min(street.probes()) == FIRST_TRIAL
    assert max(call.at for call in asked_closed) <= opened_at + REFRESH_EVERY_S + SLACK_S

    street.provider("hangs")
    tried = max(street.probes())
    wait_until(lambda: len(street.first_trial(after=tried)) == PROBES, "a trial after the provider is well")
    lost = street.first_trial(after=tried)
    for probe in lost:
        os.kill(probe.process, signal.SIGKILL)
    street.provider("answers")
    wait_until(lambda: stands(State.CLOSED), "it to close")
    next_trial = street.first_trial(after=lost[0].generation)
    assert next_trial[0].at >= lost[-1].at + BRISK.probe_deadline_s - TICK_S

    closed_in = Circuit.objects.get().generation
    wait_until(lambda: any(call.generation == closed_in for call in street.calls()), "a call after it closed")
    assert max(street.probes().values()) <= PROBES
