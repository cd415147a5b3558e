"""Every fault of the provider with every failpoint at which a process is killed: in the end the money is where it belongs.

The simulator is a process of its own, called over real sockets; each step runs in a process that `kill -9` ends at a failpoint.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from apps.payments.domain import UNSETTLED, PaymentState
from apps.payments.models import Payment
from apps.rentals.models import Rental
from deploy.servers.simulator import SimulatorProcess
from deploy.servers.waiting import wait_until
from gdmarket import ids
from tests.chaos.money.accounting import judge
from tests.chaos.money.plan import CHARGING, CHECKING, REFUNDING
from tests.chaos.money.renters import MANAGERS, register
from tests.e2e.served import ROOT

pytestmark = pytest.mark.nightly("sqlite")  # slow: by day on PostgreSQL alone

CHARGED = ("none", "error after recording", "answer lost", "garbage", "hangs")
TIMEOUT_MS = 250
KILLED = -9
_LATER_S = 0.6  # more than the time-out
FAULTS: Mapping[str, dict[str, Any] | None] = {
    "none": None,
    "declined": None,
    "too late": {"do": "latency", "before_s": _LATER_S},
    "error": {"do": "error"},
    "error after recording": {"do": "error_after"},
    "answer lost": {"do": "answer_lost"},
    "reset": {"do": "reset"},
    "garbage": {"do": "garbage", "body": "truncated"},
    "hangs": {"do": "hang_after"},
    "down": None,
}
STEPS = (None, *CHARGING)


class Market:
    """Steps in processes of their own, and the simulator that they call."""

    def __init__(self, process: subprocess.Popen[str], simulator: SimulatorProcess) -> None:
        self.simulator = simulator
        self._process = process
        self._item_id = register(by=MANAGERS[0])
        self._next_day = datetime.now(UTC) + timedelta(hours=1)

    def run(self, step: str, *, fault: str = "none", call: str = "charge", crash_at: str | None = None, **details: Any) -> int:
        """Run a step in a process of its own, with a fault of the simulator; return its exit code."""
        details_of_fault = FAULTS[fault]
        if fault == "down":
            self.simulator.go_down()
        elif details_of_fault is not None:
            self.simulator.set_faults(details_of_fault | {"call": call, "times": 1})
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"step": step, "crash_at": crash_at, **details}, default=str) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        self.simulator.clear_faults()
        if fault == "down":
            self.simulator.come_up()
        return code

    def rent(self, *, fault: str = "none", crash_at: str | None = None) -> tuple[UUID, int]:
        """Request the item for another day and pay at once; return the rental and how the process ended."""
        rental_id = ids.uuid7()
        self._next_day += timedelta(days=1)
        details: dict[str, Any] = {"item_id": self._item_id, "renter_id": ids.uuid7(), "starts_at": self._next_day.isoformat()}
        method = "pm_declined" if fault == "declined" else "pm_ok"
        return rental_id, self.run("request", fault=fault, crash_at=crash_at, rental_id=rental_id, method=method, **details)

    def heal(self) -> None:
        """Reconcile twice, and deliver what is due."""
        for _ in range(2):
            assert self.run("reconcile") == 0
        assert not Payment.objects.filter(state__in=UNSETTLED).exists()
        # An attempt not yet recorded by payments is recorded now, and settled by the next reconciliation.
        for step in ("deliver", "deliver", "reconcile", "deliver"):
            assert self.run(step) == 0

    def is_quiet(self) -> bool:
        """Say whether the simulator has no call in flight."""
        return bool(self.simulator.stats()["in_flight"] == 0)


@pytest.fixture
def market(process_environment: dict[str, str], tmp_path: Path) -> Iterator[Market]:
    with SimulatorProcess(folder=tmp_path, quiet=True) as simulator:
        environment = process_environment | {
            "GDMARKET_DISPATCH": "off",
            "GDMARKET_PAYMENT_GATEWAY": "http",
            "GDMARKET_PAYMENT_TIMEOUT_MS": str(TIMEOUT_MS),
            "GDMARKET_PAYMENT_URL": simulator.url,
            "GDMARKET_LOG_LEVEL": "CRITICAL",
        }
        command = [sys.executable, "-m", "tests.chaos.money.steps"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            yield Market(process, simulator)
        finally:
            process.kill()
            process.communicate()


def test_a_charge_is_made_and_posted_once_whatever_fails(market: Market) -> None:
    cases = {(fault, step): market.rent(fault=fault, crash_at=step) for fault in FAULTS for step in STEPS}
    assert {(step, code) for (_, step), (_, code) in cases.items()} == {(step, KILLED if step else 0) for step in STEPS}

    for step in CHECKING:  # the process that looks payments up may die too
        assert market.run("reconcile", crash_at=step) == KILLED
    market.heal()
    wait_until(market.is_quiet, "the provider at rest")

    verdict = judge(store=market.simulator.store)
    assert verdict.is_clean, verdict
    assert sum(verdict.rentals.values()) == len(cases)
    states = {case: Rental.objects.get(id=rental_id).state for case, (rental_id, _) in cases.items()}
    # What the provider certainly recorded is paid, and what it certainly did not is still requested.
    sent = (None, *CHARGING[3:])
    assert {states[fault, step] for fault in CHARGED for step in sent} == {"paid"}
    assert {states[fault, step] for fault in ("declined", "error", "reset", "down") for step in STEPS} == {"requested"}
    assert {states[fault, step] for fault in FAULTS for step in CHARGING[:3]} == {"requested"}


def test_a_charge_that_arrives_after_the_void_is_refused(market: Market) -> None:
    market.simulator.set_faults({"do": "latency", "call": "charge", "before_s": 10.0, "times": 1})
    rental_id, _ = market.rent()
    market.heal()
    assert Payment.objects.get(rental_id=rental_id).state == PaymentState.NOT_SENT
    assert not market.is_quiet()  # the charge is still on its way

    wait_until(market.is_quiet, "the charge that comes late")

    assert judge(store=market.simulator.store).is_clean
    assert Rental.objects.get(id=rental_id).state == "requested"


def test_a_refund_is_made_once_whatever_fails(market: Market) -> None:
    cases = [(fault, step) for fault in FAULTS if fault != "declined" for step in (None, *REFUNDING)]
    for fault, step in cases:
        rental_id, _ = market.rent()
        assert market.run("cancel", rental_id=rental_id, renter_id=Rental.objects.get(id=rental_id).renter_id) == 0
        code = market.run("deliver", fault=fault, call="refund", crash_at=step)
        # Where no answer came, the failpoint after it was not reached.
        assert code in {None: {0}, "payments.refund.unsent": {KILLED}, "payments.refund.answered": {0, KILLED}}[step]

    market.heal()

    verdict = judge(store=market.simulator.store)
    assert verdict.is_clean, verdict
    assert verdict.rentals == {"cancelled": len(cases)}
    assert (verdict.held, verdict.refunds) == (0, len(cases))
