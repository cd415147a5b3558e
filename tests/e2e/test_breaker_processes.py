"""One breaker for two servers of four workers each: no calls while it is open, two probes, and probes that are killed."""

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
from tests.unit.gdmarket.breaker.harness import FAST

pytestmark = pytest.mark.nightly("sqlite")  # slow: by day on PostgreSQL alone

SERVERS = 2
WORKERS = 8
PROBES = 2
# Closed, open, half-open: the generations 0, 1, 2.
FIRST_PROBING = 2
FAILED_PROBINGS = 8
# For a busy machine.
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


class Provider:
    """The provider that all processes call, and its log of calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "calls").touch()
        self.set_behaviour("answers")

    def set_behaviour(self, behaviour: str) -> None:
        """Let it answer, fail or hang from now on."""
        new = self.folder / "new"
        new.write_text(behaviour)
        new.replace(self.folder / "behaviour")

    def calls(self) -> list[Call]:
        lines = [line.split() for line in (self.folder / "calls").read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [Call(at=float(at), process=int(pid), state=State(state), generation=int(number)) for at, pid, state, number in lines]

    def probes(self) -> Counter[int]:
        """Return how many calls each half-open generation let through."""
        return Counter(call.generation for call in self.calls() if call.state is State.HALF_OPEN)

    def first_probes(self, *, after: int) -> list[Call]:
        """Return the probes of the first half-open generation that came after this one."""
        probes = [call for call in self.calls() if call.state is State.HALF_OPEN and call.generation > after]
        return [call for call in probes if call.generation == min(probe.generation for probe in probes)]


@pytest.fixture
def provider(tmp_path: Path, process_environment: dict[str, str]) -> Iterator[Provider]:
    """Return a provider that eight processes of two servers call."""
    provider = Provider(tmp_path)
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
    yield provider
    for server in servers:
        os.killpg(server.pid, signal.SIGKILL)
        server.communicate()


def has_state(state: State) -> bool:
    return Circuit.objects.filter(state=state).exists()


def test_eight_processes_share_one_breaker(provider: Provider) -> None:
    wait_until(lambda: len({call.process for call in provider.calls()}) == WORKERS, "every process to have called")

    provider.set_behaviour("fails")
    wait_until(lambda: has_state(State.OPEN), "it to open")
    opened_at = time.time()
    wait_until(lambda: len(provider.probes()) >= FAILED_PROBINGS, "the probes to fail")
    calls_while_closed = [call for call in provider.calls() if call.state is State.CLOSED]
    assert {call.generation for call in calls_while_closed} == {0}
    assert min(provider.probes()) == FIRST_PROBING
    assert max(call.at for call in calls_while_closed) <= opened_at + REFRESH_EVERY_S + SLACK_S

    provider.set_behaviour("hangs")
    latest = max(provider.probes())
    wait_until(lambda: len(provider.first_probes(after=latest)) == PROBES, "probes while the provider hangs")
    lost = provider.first_probes(after=latest)
    for probe in lost:
        os.kill(probe.process, signal.SIGKILL)
    provider.set_behaviour("answers")
    wait_until(lambda: has_state(State.CLOSED), "it to close")
    next_probes = provider.first_probes(after=lost[0].generation)
    assert next_probes[0].at >= lost[-1].at + FAST.probe_deadline_s - TICK_S

    closed_in = Circuit.objects.get().generation
    wait_until(lambda: any(call.generation == closed_in for call in provider.calls()), "a call after it closed")
    assert max(provider.probes().values()) <= PROBES
