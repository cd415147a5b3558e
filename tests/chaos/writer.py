"""A writer: raises counters and publishes that, each time in one transaction, until it has done its share."""

import os
import signal
import time
from contextlib import suppress
from random import Random

from django.db import InterfaceError, OperationalError, connection, transaction

from tests.chaos import world
from tests.chaos.plan import Plan

COUNTERS = 300
HOT = 6
TIMERS = 20
LONGEST_DELAY_S = 10.0
_WAIT_S = 0.1


class _ChangedMindError(Exception):
    """The writer takes everything back."""


class Writer:
    """One writer, who begins where its predecessor of the same number was killed."""

    def __init__(self, *, plan: Plan, number: int, chance: Random) -> None:
        self._number = number
        self._share = -(-plan.events // plan.writers)
        self._chance = chance
        self._dies = False
        signal.signal(signal.SIGUSR1, lambda *_: setattr(self, "_dies", True))

    def run(self) -> None:
        """Write until the share is done, or the campaign is gone; a database that goes away is asked again."""
        parent = os.getppid()
        while os.getppid() == parent:
            try:
                left = self._share - world.count_written(writer=self._number)
                if left <= 0:
                    return
                while left > 0 and os.getppid() == parent:
                    left -= self._write()
            except (OperationalError, InterfaceError):
                # Perhaps it was committed, perhaps not: the count above tells.
                connection.close()
                time.sleep(_WAIT_S)

    def _write(self) -> int:
        """Return how often a counter was raised for good."""
        counters = self._pick()
        try:
            with transaction.atomic():
                for counter in counters:
                    self._count_up(counter)
                if self._chance.random() < 0.03:
                    self._try_in_vain(counters[-1])
                if self._dies:
                    os.kill(os.getpid(), signal.SIGKILL)
                if self._chance.random() < 0.03:
                    raise _ChangedMindError
        except _ChangedMindError:
            return 0
        return len(counters)

    def _pick(self) -> list[str]:
        """Return which counters to raise, in the order of their locks: mostly one, often a hot one."""
        throw = self._chance.random()
        if throw < 0.02:
            return [f"{world.TIMERS}{self._chance.randrange(TIMERS)}"]
        if throw < 0.25:
            return [f"count:{self._chance.randrange(HOT)}"]
        many = 3 if throw < 0.33 else 1
        return sorted(f"count:{number}" for number in self._chance.sample(range(COUNTERS), many))

    def _count_up(self, counter: str) -> None:
        due_in_s = self._chance.uniform(0, LONGEST_DELAY_S) if counter.startswith(world.TIMERS) else None
        world.count_up(counter=counter, writer=self._number, due_in_s=due_in_s)

    def _try_in_vain(self, counter: str) -> None:
        with suppress(_ChangedMindError), transaction.atomic():
            self._count_up(counter)
            raise _ChangedMindError
