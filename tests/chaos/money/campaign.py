"""One campaign on payments, from the first rental to the verdict."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
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
from tests.chaos.money.accounting import judge
from tests.chaos.money.outcome import Outcome
from tests.chaos.money.plan import CHARGING, CHECKING, REFUNDING, TIMEOUT_MS, Plan
from tests.chaos.processes import RELAY, Processes

RENTER = "renter"
# The failpoints of each, and the share of processes that crash at one.
_STEPS = {RENTER: (*CHARGING, *REFUNDING), RELAY: (*CHECKING, *REFUNDING)}
_CRASHES = 0.6
_POLL_S = 0.1
_FAULT_SET_S = 1.5
_STOP_S = 60.0
_SLOW_S = 3 * TIMEOUT_MS / 1000
# The provider's faults for a while, each set as often as it is listed.
_FAULT_SETS: tuple[tuple[dict[str, Any], ...], ...] = (
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


class Campaign:
    """The renters and relays, the provider, and its faults."""

    def __init__(self, *, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._chance = plan.chance("campaign")
        roles = {RENTER: plan.renters, RELAY: plan.relays}
        self._processes = Processes(roles=roles, folder=folder, command=self._command)
        self._unexpected = self._processes.unexpected
        self._counts: Counter[str] = Counter()
        self._simulator = SimulatorProcess(folder=folder, quiet=True)
        self._started = self._changed_at = time.monotonic()

    def run(self) -> Outcome:
        """Run it and judge it."""
        subscriptions.write_subscriptions()
        with self._simulator:
            os.environ["GDMARKET_PAYMENT_URL"] = settings.GDMARKET_PAYMENT_URL = self._simulator.url
            with self._processes:
                self._inject_faults()
            # What the relays had leased is left for the recovery.
            self._simulator.clear_faults()
            self._simulator.come_up()
            unknown, last = self._recover()
            return Outcome(
                database=connection.vendor,
                seed=self._plan.seed,
                took_s=round(time.monotonic() - self._started, 1),
                counts=dict(self._counts) | {"crashed at a failpoint": self._processes.crashes},
                unknown=unknown,
                last_reconciliation=last,
                verdict=judge(store=self._simulator.store),
                unexpected=self._unexpected,
            )

    def _inject_faults(self) -> None:
        while self._processes.of(RENTER) and not self._unexpected:
            made = Rental.objects.count()
            self._kill(progress=made / self._plan.rentals)
            self._change_faults(made)
            self._processes.tend(may_crash=True)
            if time.monotonic() > self._started + self._plan.seconds_limit:
                self._unexpected.append(f"not finished after {self._plan.seconds_limit:g} s, with {made} rentals")
            time.sleep(_POLL_S)

    def _kill(self, *, progress: float) -> None:
        if self._counts["killed"] < progress * self._plan.kills:
            self._processes.doom(self._chance.choice(self._processes.workers))
            self._counts["killed"] += 1
        if self._counts["provider killed"] < progress * self._plan.provider_kills:
            self._simulator.kill()
            self._simulator.start()
            self._counts["provider killed"] += 1

    def _change_faults(self, made: int) -> None:
        if time.monotonic() < self._changed_at + _FAULT_SET_S:
            return
        self._changed_at = time.monotonic()
        seed = self._chance.randrange(2**31)
        self._simulator.set_faults(*({**fault, "seed": seed} for fault in self._chance.choice(_FAULT_SETS)))
        if self._chance.random() < 0.1:
            self._simulator.go_down(for_s=0.5)
        # As an operator could: else the campaign would end before many had been charged.
        self._counts["breaker closed by hand"] += breaker.close_by_hand(name="payments", reason="campaign")
        self._counts["fault sets"] += 1
        print(f"{time.monotonic() - self._started:4.0f} s: {made} rentals, {dict(self._counts)}", file=sys.stderr, flush=True)

    def _command(self, role: str, number: int, birth: int) -> tuple[Sequence[str], Mapping[str, str]]:
        environment = {"GDMARKET_LOG_LEVEL": "CRITICAL"}
        if self._chance.random() < _CRASHES:
            environment["GDMARKET_CRASH_AT"] = self._chance.choice(_STEPS[role])
        if role == RELAY:
            return ["manage.py", "relay", "--with-parent", str(os.getpid())], environment
        plan = msgspec.json.encode(self._plan).decode()
        return ["-m", "tests.chaos.money.process", RENTER, plan, str(number), str(birth)], environment

    def _recover(self) -> tuple[list[int], dict[str, Any]]:
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
        # What the killed had leased need not wait for the end of the lease.
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
            self._unexpected.append(f"{arguments}: {done.stderr[-2000:]}")
        return done.stdout


def _unsettled() -> int:
    return Payment.objects.filter(state__in=UNSETTLED).count()
