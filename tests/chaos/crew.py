"""The campaign's processes: started, killed, frozen, and replaced."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from typing import Self

import msgspec

from tests.chaos.plan import Plan

# One that was told to die in the middle of a transaction, and comes to none, is killed where it stands.
_PATIENCE_S = 10.0
_STOP_TIMEOUT_S = 120.0
RELAY, WRITER = "relay", "writer"
# How connections of these processes call themselves to a PostgreSQL server.
APPLICATION = "gdmarket-chaos"


@dataclass(kw_only=True, slots=True, eq=False)
class Member:
    """One process; another of the same number takes its place when it is killed."""

    role: str
    number: int
    birth: int
    process: subprocess.Popen[bytes]
    log: Path
    doomed_at: float | None = None
    thaws_at: float | None = None


class Crew:
    """The writers and relays of one campaign; a context manager that leaves none behind."""

    def __init__(self, *, plan: Plan, logs: Path) -> None:
        self._plan = plan
        self._logs = logs
        self._births = count(1)
        self._members: list[Member] = []
        self.kills: Counter[str] = Counter()
        self.mishaps: list[str] = []

    def __enter__(self) -> Self:
        # Inherited: a signal to one that is still starting waits until it can obey.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGUSR2})
        for role, how_many in ((RELAY, self._plan.relays), (WRITER, self._plan.writers)):
            for number in range(how_many):
                self._start(role, number)
        return self

    def __exit__(self, *_: object) -> None:
        for member in self._members:
            member.process.kill()
            member.process.wait()

    @property
    def are_writers_done(self) -> bool:
        """Say whether no writer is left."""
        return not any(member.role == WRITER for member in self._members)

    @property
    def is_calm(self) -> bool:
        """Say whether nobody is frozen or about to die."""
        return all(member.doomed_at is None and member.thaws_at is None for member in self._members)

    def pick(self, role: str, chance: Random) -> Member | None:
        """Return one of a role to whom nothing is being done; None where there is none."""
        whole = [member for member in self._members if member.role == role and member.doomed_at is None and member.thaws_at is None]
        return chance.choice(whole) if whole else None

    def doom(self, member: Member, *, number: int) -> None:
        """Send a signal that ends the process, now or in its next transaction."""
        member.doomed_at = time.monotonic()
        member.process.send_signal(number)

    def freeze(self, member: Member, *, for_s: float) -> None:
        """Stop a process where it stands, for a while."""
        member.thaws_at = time.monotonic() + for_s
        member.process.send_signal(signal.SIGSTOP)

    def tend(self, *, on_death: Callable[[Member, float], None]) -> None:
        """Thaw who was frozen long enough, replace who was killed, and note who ended without being told."""
        now = time.monotonic()
        for member in list(self._members):
            if member.thaws_at is not None and now >= member.thaws_at:
                member.thaws_at = None
                member.process.send_signal(signal.SIGCONT)
            if member.doomed_at is not None and now >= member.doomed_at + _PATIENCE_S:
                member.process.kill()
            if member.process.poll() is not None:
                self._members.remove(member)
                self._bury(member, on_death)

    def stop_relays(self) -> None:
        """Stop the relays in good order."""
        relays = [member for member in self._members if member.role == RELAY]
        for relay in relays:
            relay.process.terminate()
        for relay in relays:
            try:
                code: int | str = relay.process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                code = "no exit"
            if code:
                self.mishaps.append(f"relay {relay.number}, told to stop: {code}")

    def told(self, words: str) -> int:
        """Return how many lines of the processes' logs hold these words."""
        return sum(words in line for line in self._lines())

    def _lines(self) -> Iterator[str]:
        for log in self._logs.iterdir():
            with log.open(errors="replace") as lines:
                yield from lines

    def _bury(self, member: Member, on_death: Callable[[Member, float], None]) -> None:
        code = member.process.returncode
        if code == -signal.SIGKILL and member.doomed_at is not None:
            self.kills[member.role] += 1
            on_death(member, time.monotonic())
            self._start(member.role, member.number)
        elif code != 0 or member.role != WRITER:
            self.mishaps.append(f"{member.role} {member.number} ended with {code}: {member.log.read_text(errors='replace')[-2000:]}")

    def _start(self, role: str, number: int) -> None:
        birth = next(self._births)
        # Half of the writers also deliver, right after their commits, as a server does.
        dispatch = "inline" if role == WRITER and number % 2 else "off"
        environment = {"GDMARKET_DISPATCH": dispatch, "GDMARKET_DISPATCH_BUDGET_MS": "250", "GDMARKET_LOG_LEVEL": "WARNING"}
        plan = msgspec.json.encode(self._plan).decode()
        command = [sys.executable, "-m", "tests.chaos.process", role, plan, str(number), str(birth)]
        log = self._logs / f"{role}-{number}-{birth}"
        with log.open("wb") as sink:
            process = subprocess.Popen(
                command,
                env=os.environ | environment | {"PGAPPNAME": APPLICATION},
                stdout=subprocess.DEVNULL,
                stderr=sink,
                start_new_session=True,  # Ctrl-C is for the campaign, which then ends them all
            )
        self._members.append(Member(role=role, number=number, birth=birth, process=process, log=log))
