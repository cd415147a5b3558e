"""One campaign about money, from the first rental to the verdict."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from apps.payments.domain import UNSETTLED
from apps.payments.models import Payment
from apps.rentals.models import Rental
from deploy.servers.process import ROOT
from deploy.servers.simulator import SimulatorProcess
from gdmarket.breaker import store as breaker
from gdmarket.bus import subscriptions
from gdmarket.bus.models import Delivery
from tests.chaos.money.judging import judge
from tests.chaos.money.outcome import Outcome
from tests.chaos.money.plan import CHARGING, CHECKING, REFUNDING, TIMEOUT_MS, Plan

RENTER, RELAY = "renter", "relay"
# Where each may be told to die, and how likely it is to be.
_STEPS = {RENTER: (*CHARGING, *REFUNDING), RELAY: (*CHECKING, *REFUNDING)}
_DIES_BY_ITSELF = 0.6
_LOOK_S = 0.1
_WEATHER_S = 1.5
_TELL_S = 5.0
_STOP_S = 60.0
_SLOW_S = 3 * TIMEOUT_MS / 1000
# What goes wrong at the provider for a while, each as often as it stands here.
_WEATHERS: tuple[tuple[dict[str, Any], ...], ...] = (
    (),
    (),
    (),
    ({"do": "error", "probability": 0.3}, {"do": "latency", "before_s": 0.05}),
    ({"do": "error_after", "probability": 0.3},),
    ({"do": "answer_lost", "probability": 0.3},),
    ({"do": "reset", "probability": 0.3},),
    ({"do": "garbage", "body": "truncated", "probability": 0.3},),
    ({"do": "latency", "before_s": _SLOW_S, "probability": 0.2},),
    ({"do": "latency", "after_s": _SLOW_S, "probability": 0.2},),
    ({"do": "hang_after", "probability": 0.1},),
    ({"do": "answer_lost", "call": "refund", "probability": 0.6}, {"do": "error_after", "call": "void", "probability": 0.5}),
)


@dataclass(kw_only=True, slots=True, eq=False)
class _Member:
    role: str
    number: int
    process: subprocess.Popen[bytes]
    log: Path
    is_doomed: bool


class Campaign:
    """The renters and relays, the provider, and the weather."""

    def __init__(self, *, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._chance = plan.chance("campaign")
        self._births = count(1)
        self._members: list[_Member] = []
        self._deeds: Counter[str] = Counter()
        self._mishaps: list[str] = []
        self._fake = SimulatorProcess(folder=folder, quiet=True)
        self._started = self._told_at = self._changed_at = time.monotonic()

    def run(self) -> Outcome:
        """Run it and judge it; tells on stderr how it goes."""
        subscriptions.write_subscriptions()
        with self._fake:
            os.environ["GDMARKET_PAYMENT_URL"] = settings.GDMARKET_PAYMENT_URL = self._fake.url
            try:
                self._storm()
                self._end_all()
                unknown, last = self._heal()
                return Outcome(
                    database=connection.vendor,
                    seed=self._plan.seed,
                    took_s=round(time.monotonic() - self._started, 1),
                    deeds=dict(self._deeds),
                    unknown=unknown,
                    last_reconciliation=last,
                    verdict=judge(book=self._fake.store),
                    mishaps=self._mishaps,
                )
            finally:
                for member in self._members:
                    member.process.kill()
                    member.process.wait()

    def _storm(self) -> None:
        for role, number in [(RENTER, n) for n in range(self._plan.renters)] + [(RELAY, n) for n in range(self._plan.relays)]:
            self._start(role, number)
        while any(member.role == RENTER for member in self._members) and not self._mishaps:
            made = Rental.objects.count()
            self._kill(progress=made / self._plan.rentals)
            self._change_the_weather()
            self._tend()
            self._tell(made)
            if time.monotonic() > self._started + self._plan.seconds_limit:
                self._mishaps.append(f"not done after {self._plan.seconds_limit:g} s, with {made} rentals")
            time.sleep(_LOOK_S)

    def _kill(self, *, progress: float) -> None:
        if self._deeds["killed"] < progress * self._plan.kills:
            member = self._chance.choice(self._members)
            member.is_doomed = True
            member.process.kill()
            self._deeds["killed"] += 1
        if self._deeds["provider killed"] < progress * self._plan.provider_kills:
            self._fake.kill()
            self._fake.start()
            self._deeds["provider killed"] += 1

    def _change_the_weather(self) -> None:
        if time.monotonic() < self._changed_at + _WEATHER_S:
            return
        self._changed_at = time.monotonic()
        seed = self._chance.randrange(2**31)
        self._fake.set_faults(*({**fault, "seed": seed} for fault in self._chance.choice(_WEATHERS)))
        if self._chance.random() < 0.1:
            self._fake.go_down(for_s=0.5)
        # An operator who is in a hurry: or the campaign would be over before many had been charged.
        self._deeds["breaker closed by hand"] += breaker.close_by_hand(name="payments", reason="campaign")
        self._deeds["weathers"] += 1

    def _tend(self) -> None:
        """Replace who died, and note who ended without being told."""
        for member in [member for member in self._members if member.process.poll() is not None]:
            self._members.remove(member)
            code = member.process.returncode
            if code == -signal.SIGKILL:
                self._deeds["died at a crash point"] += not member.is_doomed
                self._start(member.role, member.number)
            elif code != 0 or member.role == RELAY:
                self._mishaps.append(f"{member.role} {member.number} ended with {code}: {member.log.read_text(errors='replace')[-2000:]}")

    def _start(self, role: str, number: int) -> None:
        birth = next(self._births)
        environment = os.environ | {"GDMARKET_LOG_LEVEL": "CRITICAL"}
        if self._chance.random() < _DIES_BY_ITSELF:
            environment["GDMARKET_CRASH_AT"] = self._chance.choice(_STEPS[role])
        plan = msgspec.json.encode(self._plan).decode()
        work = ["-m", "tests.chaos.money.process", RENTER, plan, str(number), str(birth)]
        command = [sys.executable, *(work if role == RENTER else ["manage.py", "relay", "--with-parent", str(os.getpid())])]
        log = self._folder / f"{role}-{number}-{birth}"
        with log.open("wb") as sink:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=sink, stderr=sink, start_new_session=True)
        self._members.append(_Member(role=role, number=number, process=process, log=log, is_doomed=False))

    def _end_all(self) -> None:
        """Kill the relays where they stand: what they had in hand is left for the healing."""
        for member in self._members:
            member.process.kill()
            member.process.wait()
        self._members.clear()
        self._fake.clear_faults()
        self._fake.come_up()

    def _heal(self) -> tuple[list[int], dict[str, Any]]:
        """Reconcile twice, let what is due be delivered, and reconcile once more to see that all agrees."""
        breaker.close_by_hand(name="payments", reason="campaign")
        time.sleep(TIMEOUT_MS / 1000 + 2.5)  # until no payment can still be being asked about
        unknown = [_unsettled()]
        for _ in range(2):
            self._manage("reconcile_payments", "--json")
            unknown.append(_unsettled())
        deadline = time.monotonic() + _STOP_S
        while "0 deliveries" not in self._manage("relay", "--once") and time.monotonic() < deadline:
            time.sleep(1.0)
        # What the dead had in hand need not wait for the end of its lease.
        Delivery.objects.exclude(token=None).update(not_before=Now())
        self._manage("relay", "--once")
        return unknown, json.loads(self._manage("reconcile_payments", "--json"))

    def _manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=os.environ | {"GDMARKET_LOG_LEVEL": "CRITICAL"},
            capture_output=True,
            text=True,
            check=False,
        )
        print(f"{' '.join(arguments)}: {done.returncode} {done.stdout[-300:].strip()}", file=sys.stderr, flush=True)
        if done.stderr and done.returncode not in {0, 1}:
            self._mishaps.append(f"{arguments}: {done.stderr[-2000:]}")
        return done.stdout

    def _tell(self, made: int) -> None:
        if time.monotonic() < self._told_at + _TELL_S:
            return
        self._told_at = time.monotonic()
        deeds = ", ".join(f"{number} {deed}" for deed, number in self._deeds.items())
        print(f"{connection.vendor} {self._told_at - self._started:4.0f} s: {made} rentals, {deeds}", file=sys.stderr, flush=True)


def _unsettled() -> int:
    return Payment.objects.filter(state__in=UNSETTLED).count()
