"""The processes of a campaign: started, killed, frozen, and replaced."""

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from typing import Self

from deploy.servers.process import ServerProcess

# A process that shall die in its next transaction, and begins none, is killed where it is.
_DEATH_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 120.0
RELAY = "relay"


@dataclass(kw_only=True, slots=True, eq=False)
class Worker:
    """One process; when it is killed another of the same number replaces it. `birth` is its own."""

    role: str
    number: int
    birth: int
    process: ServerProcess
    doomed_at: float | None = None
    thaws_at: float | None = None

    def send(self, order: signal.Signals) -> None:
        """Send it a signal."""
        if self.process.exit_code is None:
            os.kill(self.process.pid, order)

    @property
    def is_untouched(self) -> bool:
        """Say whether it is neither frozen nor about to die."""
        return self.doomed_at is None and self.thaws_at is None


class Processes:
    """So many of each role; a context manager that leaves none behind.

    `command` gives the arguments of Python and the environment of a worker, by role, number and birth.
    """

    def __init__(
        self, *, roles: Mapping[str, int], folder: Path, command: Callable[[str, int, int], tuple[Sequence[str], Mapping[str, str]]]
    ) -> None:
        self._roles, self._folder, self._command = roles, folder, command
        self._births = count(1)
        self.workers: list[Worker] = []
        self.kills: Counter[str] = Counter()
        self.crashes = 0
        self.unexpected: list[str] = []

    def __enter__(self) -> Self:
        for role, how_many in self._roles.items():
            for number in range(how_many):
                self._start(role, number)
        return self

    def __exit__(self, *_: object) -> None:
        self.kill_all()

    def of(self, role: str) -> list[Worker]:
        """Return the workers of a role."""
        return [worker for worker in self.workers if worker.role == role]

    def pick(self, role: str, chance: Random) -> Worker | None:
        """Return an untouched worker of a role; None where there is none."""
        untouched = [worker for worker in self.of(role) if worker.is_untouched]
        return chance.choice(untouched) if untouched else None

    def doom(self, worker: Worker, order: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal that ends the process, now or in its next transaction."""
        worker.doomed_at = time.monotonic()
        worker.send(order)

    def freeze(self, worker: Worker, *, for_s: float) -> None:
        """Stop a process for a while."""
        worker.thaws_at = time.monotonic() + for_s
        worker.send(signal.SIGSTOP)

    def tend(self, *, on_death: Callable[[Worker], None] = lambda _: None, may_crash: bool = False) -> None:
        """Thaw what was frozen for long enough, replace what was killed, and note every other end, but that of a worker that was done.

        With `may_crash` a process may kill itself.
        """
        now = time.monotonic()
        for worker in list(self.workers):
            if worker.thaws_at is not None and now >= worker.thaws_at:
                worker.thaws_at = None
                worker.send(signal.SIGCONT)
            if worker.doomed_at is not None and now >= worker.doomed_at + _DEATH_TIMEOUT_S:
                worker.send(signal.SIGKILL)
            if (code := worker.process.exit_code) is None:
                continue
            self.workers.remove(worker)
            if code == -signal.SIGKILL and (worker.doomed_at is not None or may_crash):
                self.kills[worker.role] += worker.doomed_at is not None
                self.crashes += worker.doomed_at is None
                on_death(worker)
                self._start(worker.role, worker.number)
            elif code != 0 or worker.role == RELAY:
                self.unexpected.append(f"{worker.role} {worker.number} ended with {code}: {worker.process.log_tail()}")

    def stop_relays(self) -> None:
        """Stop the relays with SIGTERM: each must end with 0."""
        for relay in self.of(RELAY):
            if code := relay.process.stop(timeout_s=_STOP_TIMEOUT_S):
                self.unexpected.append(f"relay {relay.number}, stopped with SIGTERM: {code}")

    def kill_all(self) -> None:
        """Kill every process."""
        for worker in self.workers:
            worker.process.kill()
        self.workers.clear()

    def count_in_logs(self, text: str) -> int:
        """Return how many lines of the processes' logs contain a text."""
        return sum(text in line for log in self._folder.glob("*-*-*") for line in log.read_text(errors="replace").splitlines())

    def _start(self, role: str, number: int) -> None:
        birth = next(self._births)
        arguments, environment = self._command(role, number, birth)
        log = self._folder / f"{role}-{number}-{birth}"
        process = ServerProcess([sys.executable, *arguments], log=log, environment=os.environ | environment)
        process.start()
        self.workers.append(Worker(role=role, number=number, birth=birth, process=process))
