"""A writer: raises counters and publishes that, each time in one transaction, until all of them together have written enough."""

import os
import signal
import time
from random import Random

from django.db import InterfaceError, OperationalError, connection, transaction

from gdmarket import databases
from tests.chaos import counters
from tests.chaos.plan import Plan

COUNTERS = 300
HOT = 6
TIMERS = 20
LONGEST_DELAY_S = 10.0
ROLLBACKS = 0.03
LOOK_EVERY = 25
_WAIT_S = 0.1


class Writer:
    """One writer."""

    def __init__(self, *, plan: Plan, chance: Random) -> None:
        self._plan = plan
        self._chance = chance
        self._dies = False
        counters.on_signal(signal.SIGUSR1, lambda: setattr(self, "_dies", True))

    def run(self) -> None:
        """Write until there is enough; a lost connection is opened again."""
        while True:
            try:
                left = self._plan.events - counters.count_marks()
                if left <= 0:
                    return
                for _ in range(min(LOOK_EVERY, left // self._plan.writers + 1)):
                    self._write()
            except (OperationalError, InterfaceError):
                # Whether it was committed, the marks show.
                connection.close()
                time.sleep(_WAIT_S)

    def _write(self) -> None:
        names = self._pick()
        with databases.transaction_for("counters"):
            for counter in names:
                self._count_up(counter)
            if self._chance.random() < ROLLBACKS:
                self._count_up_and_roll_back(names[-1])
            if self._dies:
                os.kill(os.getpid(), signal.SIGKILL)
            transaction.set_rollback(self._chance.random() < ROLLBACKS)

    def _pick(self) -> list[str]:
        """Return which counters to raise, in the order of their locks: mostly one, often a hot one."""
        draw = self._chance.random()
        if draw < 0.02:
            return [f"{counters.TIMERS}{self._chance.randrange(TIMERS)}"]
        if draw < 0.25:
            return [f"count:{self._chance.randrange(HOT)}"]
        many = 3 if draw < 0.33 else 1
        return sorted(f"count:{number}" for number in self._chance.sample(range(COUNTERS), many))

    def _count_up(self, counter: str) -> None:
        due_in_s = self._chance.uniform(0, LONGEST_DELAY_S) if counter.startswith(counters.TIMERS) else None
        counters.count_up(counter=counter, due_in_s=due_in_s)

    def _count_up_and_roll_back(self, counter: str) -> None:
        with databases.transaction_for("counters", savepoint=True):
            self._count_up(counter)
            transaction.set_rollback(True)
