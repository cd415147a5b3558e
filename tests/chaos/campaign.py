"""One campaign on the bus, from the first write to the verdict."""

import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from django.db import OperationalError, connection

from gdmarket.bus import claims, dead_letters, registry, subscriptions
from gdmarket.bus.models import Delivery, Event
from tests.chaos import counters
from tests.chaos.faults import Faults
from tests.chaos.outcome import Outcome
from tests.chaos.plan import APPLICATION, WRITER, Plan
from tests.chaos.processes import RELAY, Processes
from tests.chaos.recovery import Recoveries
from tests.chaos.verdict import Effect, Logged, Mark, Verdict, judge

_POLL_S = 0.1
_REPLAY_S = 5.0


def run(*, plan: Plan, folder: Path) -> Outcome:
    """Run a campaign and judge it."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")  # the verdict reads every row
    subscriptions.write_subscriptions()
    # Inherited: a signal to a process that is still starting waits until it can act on it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGUSR2})
    with counters.tables():
        return _Campaign(plan, folder).run()


class _Campaign:
    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._processes = Processes(roles={RELAY: plan.relays, WRITER: plan.writers}, folder=folder, command=self._command)
        self._faults = Faults(plan=plan, processes=self._processes)
        self._recoveries = Recoveries()
        self._replayed = 0
        self._started = time.monotonic()
        self._written_s = 0.0
        self._replayed_at = self._started

    def _command(self, role: str, number: int, birth: int) -> tuple[Sequence[str], Mapping[str, str]]:
        # Half of the writers also deliver, right after their commits, as a server does.
        dispatch = "inline" if role == WRITER and number % 2 else "off"
        settings = {"GDMARKET_DISPATCH": dispatch, "GDMARKET_DISPATCH_BUDGET_MS": "250", "GDMARKET_LOG_LEVEL": "WARNING"}
        plan = msgspec.json.encode(self._plan).decode()
        return ["-m", "tests.chaos.process", role, plan, str(number), str(birth)], settings | {"PGAPPNAME": APPLICATION}

    def run(self) -> Outcome:
        with self._processes:
            while not self._is_finished() and self._age_s() < self._plan.seconds_limit:
                self._processes.tend(on_death=self._recoveries.begin)
                written, applied = _places()
                progress = (written / self._plan.events + applied / self._plan.events / len(registry.subscribers())) / 2
                self._faults.inject(progress=progress)
                self._recoveries.look(now=time.monotonic())
                self._replay()
                time.sleep(_POLL_S)
            took_s = self._age_s()
            self._processes.stop_relays()
            return self._judge(took_s)

    def _age_s(self) -> float:
        return time.monotonic() - self._started

    def _is_finished(self) -> bool:
        if self._processes.of(WRITER):
            return False
        self._written_s = self._written_s or self._age_s()
        # An unexpected exit ends the campaign: there may be no relay left.
        is_over = self._faults.are_over and self._is_calm() and not Delivery.objects.exists()
        return is_over or bool(self._processes.unexpected)

    def _is_calm(self) -> bool:
        return all(worker.is_untouched for worker in self._processes.workers)

    def _replay(self) -> None:
        """Replay dead letters every five seconds, as an operator would."""
        if time.monotonic() < self._replayed_at + _REPLAY_S or not self._is_calm():  # a frozen process may hold SQLite's lock
            return
        self._replayed_at = time.monotonic()
        print(f"{connection.vendor} {self._age_s():4.0f} s: {Delivery.objects.count()} deliveries outstanding", file=sys.stderr, flush=True)
        with suppress(OperationalError):  # so may a handler that hangs
            self._replayed += dead_letters.replay()

    def _judge(self, took_s: float) -> Outcome:
        return Outcome(
            database=connection.vendor,
            seed=self._plan.seed,
            lease_s=claims.LEASE_S,
            events=Event.objects.filter(type="chaos.Counted").count(),
            effects=len(_rows("SELECT place FROM chaos_effect")),
            written_s=round(self._written_s, 1),
            took_s=round(took_s, 1),
            counts=self._counts(),
            recovery=self._recoveries.times(),
            verdict=_verdict(),
            outstanding=Delivery.objects.count(),
            unexpected=self._processes.unexpected,
        )

    def _counts(self) -> dict[str, int]:
        return {
            "relays killed": self._processes.kills[RELAY],
            "writers killed": self._processes.kills[WRITER],
            "relays frozen past their lease": self._faults.done["freezes"],
            "handlers hung past their lease": self._processes.count_in_logs("chaos: a handler hangs"),
            "connections terminated": self._faults.done["cuts"],
            "handlers failed": self._processes.count_in_logs("RuntimeError: chaos: a handler fails"),
            "dead letters replayed": self._replayed,
            "late workers turned away": self._processes.count_in_logs("lost to another worker"),
            "killed with leased deliveries": sum(recovery.leased > 0 for recovery in self._recoveries.known),
            "deliveries leased by the killed": sum(recovery.leased for recovery in self._recoveries.known),
        }


def _verdict() -> Verdict:
    events = Event.objects.filter(type="chaos.Counted").values_list("stream", "version", "payload", "id").iterator()
    return judge(
        state=dict(_rows("SELECT name, value FROM chaos_counter")),
        marks=[Mark(*row) for row in _rows("SELECT counter, value, mark, event_id FROM chaos_mark ORDER BY place")],
        events=(Logged(stream, version, payload["value"], payload["mark"], str(pk)) for stream, version, payload, pk in events),
        effects=(Effect(*row) for row in _rows("SELECT subscriber, counter, value, mark FROM chaos_effect ORDER BY place")),
        subscribers=registry.subscribers(),
        is_ordered=lambda counter: not counter.startswith(counters.TIMERS),
    )


def _places() -> tuple[int, int]:
    """Return roughly how many writes and effects there are: their serial numbers, which count rolled back ones too."""
    [(written, applied)] = _rows("SELECT (SELECT max(place) FROM chaos_mark), (SELECT max(place) FROM chaos_effect)")
    return written or 0, applied or 0


def _rows(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
