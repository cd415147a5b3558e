"""Which faults are injected into the processes, and when."""

import signal
from collections import Counter
from collections.abc import Callable
from functools import partial
from operator import itemgetter

from django.db import connection

from gdmarket.bus import claims
from tests.chaos.counters import HANG
from tests.chaos.plan import APPLICATION, WRITER, Plan
from tests.chaos.processes import RELAY, Processes

_FIRST, _LAST = 0.02, 0.9


class Faults:
    """The faults of a campaign, spread over its progress in an order that the seed decides."""

    def __init__(self, *, plan: Plan, processes: Processes) -> None:
        self._processes = processes
        self._chance = plan.chance("faults")
        is_cuttable = connection.vendor == "postgresql"
        # SIGUSR1 kills in the next handler or transaction.
        kill_relay, kill_in_a_handler, kill_writer, kill_in_a_transaction = (
            partial(self._kill, role, order) for role in (RELAY, WRITER) for order in (signal.SIGKILL, signal.SIGUSR1)
        )
        to_relays: list[Callable[[], bool]] = [
            *[kill_relay, kill_in_a_handler] * (plan.kills // 2),
            *[kill_relay] * (plan.kills % 2),
            *[self._freeze] * plan.freezes,
            *[self._hang] * plan.hangs,
            *[self._cut] * (plan.cuts * is_cuttable),
        ]
        to_writers: list[Callable[[], bool]] = [kill_writer, kill_in_a_transaction] * (plan.writer_kills // 2)
        # The first to come stands last. The writers are done when the relays are perhaps half through.
        due = [*self._spread(to_relays, last=_LAST), *self._spread(to_writers, last=_LAST / 2)]
        self._due = sorted(due, key=itemgetter(0), reverse=True)
        self.done: Counter[str] = Counter()

    @property
    def are_over(self) -> bool:
        """Say whether everything has been done."""
        return not self._due

    def inject(self, *, progress: float) -> None:
        """Inject a fault that is due at this progress, from 0 to 1, one at most; one that finds no process stays due."""
        if self._due and self._due[-1][0] <= progress and self._due[-1][1]():
            self._due.pop()

    def _spread(self, acts: list[Callable[[], bool]], *, last: float) -> list[tuple[float, Callable[[], bool]]]:
        self._chance.shuffle(acts)
        return [(_FIRST + (last - _FIRST) * place / len(acts), act) for place, act in enumerate(acts, start=1)]

    def _kill(self, role: str, order: signal.Signals) -> bool:
        if role == WRITER and not self._processes.of(WRITER):
            return True  # they have written enough
        worker = self._processes.pick(role, self._chance)
        if worker is not None:
            self._processes.doom(worker, order)
        return worker is not None

    def _freeze(self) -> bool:
        worker = self._processes.pick(RELAY, self._chance)
        if worker is not None:
            self._processes.freeze(worker, for_s=HANG * claims.LEASE_S)
            self.done["freezes"] += 1
        return worker is not None

    def _hang(self) -> bool:
        worker = self._processes.pick(RELAY, self._chance)
        if worker is not None:
            worker.send(signal.SIGUSR2)
        return worker is not None

    def _cut(self) -> bool:
        """Let the server end one of the processes' connections."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE application_name = %s ORDER BY pid", [APPLICATION])
            backends = [pid for (pid,) in cursor.fetchall()]
            if not backends:
                return False
            cursor.execute("SELECT pg_terminate_backend(%s)", [self._chance.choice(backends)])
        self.done["cuts"] += 1
        return True
