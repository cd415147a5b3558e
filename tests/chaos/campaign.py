"""One campaign on the database at hand, from the first write to the verdict."""

import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db import OperationalError, connection

from gdmarket.bus import claims, dead_letters, registry, subscriptions
from gdmarket.bus.models import Delivery, Event
from tests.chaos import world
from tests.chaos.crew import RELAY, WRITER, Crew, Member
from tests.chaos.faults import Faults
from tests.chaos.outcome import Outcome
from tests.chaos.plan import Plan
from tests.chaos.recovery import Recoveries
from tests.chaos.verdict import Effect, Logged, Mark, Verdict, judge

_LOOK_S = 0.1
_TELL_S = 5.0


def run(*, plan: Plan) -> Outcome:
    """Run a campaign and judge it; tells on stderr how it goes."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")  # the judge reads much
    subscriptions.write_subscriptions()
    with tempfile.TemporaryDirectory(prefix="gdmarket-chaos-") as logs, world.tables():
        return _Campaign(plan, Path(logs)).run()


class _Campaign:
    def __init__(self, plan: Plan, logs: Path) -> None:
        self._plan = plan
        self._crew = Crew(plan=plan, logs=logs)
        self._faults = Faults(plan=plan, crew=self._crew)
        self._recoveries = Recoveries()
        self._replayed = 0
        self._started = time.monotonic()
        self._written_s = 0.0
        self._told_at = self._started

    def run(self) -> Outcome:
        with self._crew:
            while not self._is_at_rest() and self._age_s() < self._plan.seconds_limit:
                self._crew.tend(on_death=self._note_death)
                written, applied = _places()
                progress = (written / self._plan.events + applied / self._plan.events / len(registry.subscribers())) / 2
                self._faults.strike(progress=progress)
                self._recoveries.look(now=time.monotonic())
                self._tell(written, applied)
                time.sleep(_LOOK_S)
            took_s = self._age_s()
            self._crew.stop_relays()
            return self._judge(took_s)

    def _age_s(self) -> float:
        return time.monotonic() - self._started

    def _is_at_rest(self) -> bool:
        if not self._crew.are_writers_done:
            return False
        self._written_s = self._written_s or self._age_s()
        # A mishap ends the campaign: there may be nobody left to deliver.
        is_over = self._faults.are_over and self._crew.is_calm and not Delivery.objects.exists()
        return is_over or bool(self._crew.mishaps)

    def _note_death(self, member: Member, now: float) -> None:
        self._recoveries.begin(birth=member.birth, role=member.role, now=now)

    def _tell(self, written: int, applied: int) -> None:
        if time.monotonic() < self._told_at + _TELL_S:
            return
        self._told_at = time.monotonic()
        if self._crew.is_calm:  # a frozen process may hold SQLite's lock
            self._replay()
        kills = self._crew.kills
        print(
            f"{connection.vendor} {self._age_s():4.0f} s: {written} writes and {applied} deliveries tried, {kills[RELAY]} relays and"
            f" {kills[WRITER]} writers killed, {Delivery.objects.count()} deliveries outstanding",
            file=sys.stderr,
            flush=True,
        )

    def _replay(self) -> None:
        """Do what an operator would do, now and then."""
        with suppress(OperationalError):  # a handler that hangs may hold SQLite's lock
            self._replayed += dead_letters.replay()

    def _judge(self, took_s: float) -> Outcome:
        verdict = _verdict()
        return Outcome(
            database=connection.vendor,
            seed=self._plan.seed,
            lease_s=claims.LEASE_S,
            events=Event.objects.filter(type="chaos.Counted").count(),
            effects=_rows_of("chaos_effect"),
            written_s=round(self._written_s, 1),
            took_s=round(took_s, 1),
            deeds=self._deeds(),
            recovery=self._recoveries.times(),
            verdict=verdict,
            outstanding=Delivery.objects.count(),
            mishaps=self._crew.mishaps,
        )

    def _deeds(self) -> dict[str, int]:
        return {
            "relays killed": self._crew.kills[RELAY],
            "writers killed": self._crew.kills[WRITER],
            "relays frozen past their lease": self._faults.done["freezes"],
            "handlers hung past their lease": self._crew.told("chaos: a handler hangs"),
            "connections terminated": self._faults.done["cuts"],
            "handlers failed": self._crew.told("RuntimeError: chaos: a handler fails"),
            "dead letters replayed": self._replayed,
            "late workers turned away": self._crew.told("lost to another worker"),
            "killed with deliveries in hand": sum(recovery.in_hand > 0 for recovery in self._recoveries.known),
            "deliveries in the hands of the killed": sum(recovery.in_hand for recovery in self._recoveries.known),
        }


def _verdict() -> Verdict:
    events = Event.objects.filter(type="chaos.Counted").values_list("stream", "version", "payload", "id").iterator()
    return judge(
        counters=dict(_rows("SELECT name, value FROM chaos_counter")),
        marks=[Mark(*row) for row in _rows("SELECT counter, value, mark, event_id FROM chaos_mark ORDER BY place")],
        events=(Logged(stream, version, payload["value"], payload["mark"], str(pk)) for stream, version, payload, pk in events),
        effects=(Effect(*row) for row in _rows("SELECT subscriber, counter, value, mark FROM chaos_effect ORDER BY place")),
        subscribers=registry.subscribers(),
        is_ordered=lambda counter: not counter.startswith(world.TIMERS),
    )


def _places() -> tuple[int, int]:
    """Return about how many writes and effects there are: the places they took, rolled back ones among them."""
    [(written, applied)] = _rows("SELECT (SELECT max(place) FROM chaos_mark), (SELECT max(place) FROM chaos_effect)")
    return written or 0, applied or 0


def _rows_of(table: str) -> int:
    [(rows,)] = _rows(f"SELECT count(*) FROM {table}")
    return int(rows)


def _rows(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
