"""`manage.py reconcile_payments`, as an operator sees it; what it compares and repairs is in test_reconciling."""

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError
from gdmarket import clock, ids
from tests.factories.payments import PaymentFactory
from tests.unit.payments.actions import charge, everything, facts, state_of
from tests.unit.payments.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db(transaction=True)

CHARGED = ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, currency="KRW")


@dataclass(frozen=True)
class Run:
    """What a run printed, and its exit code."""

    code: int
    out: str
    progress: str


def reconcile(*arguments: str) -> Run:
    out, progress, code = StringIO(), StringIO(), 0
    try:
        call_command("reconcile_payments", *arguments, stdout=out, stderr=progress, no_color=True)
    except SystemExit as end:
        code = int(end.code or 0)
    return Run(code, out.getvalue(), progress.getvalue())


def sums(total: int) -> str:
    """Return the line for a sum that the provider and the ledger both hold."""
    return f"Held by the provider {total:,} KRW, by the ledger {total:,}: difference 0."


def test_payments_that_agree_are_counted_and_not_listed(provider: FakeGateway) -> None:
    assert reconcile() == Run(0, "Payments compared: none.\n", "")
    charge(now=clock.now())
    charge(now=clock.now())
    assert reconcile() == Run(0, f"Payments compared: 2 agrees.\n{sums(16_000)}\n", "")


def test_what_was_repaired_is_listed_and_the_next_run_agrees(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="unknown")
    provider.records[payment.id] = CHARGED

    run = reconcile()

    head, row, total, last = run.out.splitlines()
    assert head.split() == ["verdict", "payment", "rental", "ours", "provider"]
    assert row.split() == ["repaired", str(payment.id), str(payment.rental_id), "unknown", "8000", "KRW", "now", "approved"]
    assert (run.code, total, last) == (0, "Payments compared: 1 repaired.", sums(8_000))
    assert reconcile() == Run(0, f"Payments compared: 1 agrees.\n{sums(8_000)}\n", "")
    assert facts() == ["PaymentApproved"]


@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
def test_a_difference_ends_with_exit_code_1_and_the_rest_is_repaired(provider: FakeGateway, dry_run: list[str]) -> None:
    wrong, lost = PaymentFactory(state="not_sent"), PaymentFactory(state="unknown")
    provider.records = {wrong.id: CHARGED, lost.id: replace(CHARGED, reference="another")}
    before = everything()

    run = reconcile(*dry_run)

    rows = [line.split()[:2] for line in run.out.splitlines()[1:3]]
    assert run.code == 1
    assert rows == [["would_repair" if dry_run else "repaired", str(lost.id)], ["needs_person", str(wrong.id)]]
    assert (state_of(wrong.id), state_of(lost.id)) == ("not_sent", "unknown" if dry_run else "approved")
    assert (everything() == before) is bool(dry_run)


def test_a_charge_that_matches_no_payment_is_listed(provider: FakeGateway) -> None:
    unmatched = ids.uuid7()
    provider.records[unmatched] = CHARGED

    run = reconcile()

    _, row, total, last = run.out.splitlines()
    assert row.split() == ["needs_person", "-", "-", "no", "payment", "charged", "8000", "KRW", "as", str(unmatched)]
    assert (run.code, total) == (1, "Payments compared: 1 needs_person.")
    assert last == "Held by the provider 8,000 KRW, by the ledger 0: difference 8,000."


@pytest.mark.parametrize("call", ["lookup", "list"])
def test_a_provider_that_does_not_answer_ends_with_exit_code_1(provider: FakeGateway, call: str) -> None:
    if call == "lookup":
        PaymentFactory(state="unknown")
    before = everything()
    provider.fails[call] = lambda: NoAnswerError("timed_out")
    run = reconcile("--dry-run")
    assert (run.code, run.out.splitlines()[-1]) == (1, "Payments compared: 1 not_reached.")
    assert everything() == before


def test_days_and_older_than_leave_payments_out(provider: FakeGateway) -> None:
    for days in (1, 40):
        old = PaymentFactory(state="approved", created_at=clock.now() - timedelta(days=days))
        provider.records[old.id], provider.made_at[old.id] = replace(CHARGED, reference=str(days)), old.created_at
    assert reconcile("--days", "30") == Run(0, f"Payments compared: 1 agrees.\n{sums(8_000)}\n", "")
    assert reconcile("--older-than", "172800") == Run(0, f"Payments compared: 1 agrees.\n{sums(8_000)}\n", "")


def test_json_is_one_document_with_a_sum_for_each_currency(provider: FakeGateway) -> None:
    assert json.loads(reconcile("--json").out) == {"counts": {}, "sums": [], "findings": []}
    charge(now=clock.now())
    charge(now=clock.now(), amount=500, currency="USD")
    payment = PaymentFactory(state="not_sent")
    provider.records[payment.id] = CHARGED

    run = reconcile("--json")

    assert run.code == 1
    assert json.loads(run.out) == {
        "counts": {"agrees": 2, "needs_person": 1},
        "sums": [
            {"currency": "KRW", "provider": 16_000, "ledger": 8_000, "difference": 8_000},
            {"currency": "USD", "provider": 500, "ledger": 500, "difference": 0},
        ],
        "findings": [
            {
                "payment_id": str(payment.id),
                "rental_id": str(payment.rental_id),
                "verdict": "needs_person",
                "ours": "not_sent 8000 KRW",
                "provider": "charged 8000 KRW",
                "currency": "KRW",
                "held": 8_000,
                "booked": 0,
            }
        ],
    }


def test_a_long_run_reports_its_progress(provider: FakeGateway) -> None:
    PaymentFactory.create_batch(500, state="not_sent")
    run = reconcile()
    assert (run.code, run.out, run.progress) == (0, f"Payments compared: 500 agrees.\n{sums(0)}\n", "500 payments compared …\n")


@pytest.mark.parametrize(
    ("option", "values", "message"),
    [
        ("--older-than", ("-1", "soon", "nan", "inf", "1e300"), "is not a number of seconds"),
        ("--every", ("-1", "soon", "nan"), "is not a number of seconds"),
        ("--days", ("0", "-1", "1.5", "soon", "100000"), "is not a whole number"),
    ],
)
def test_a_duration_out_of_range_is_refused(provider: FakeGateway, option: str, values: tuple[str, ...], message: str) -> None:
    for value in values:
        with pytest.raises(CommandError, match=f"'{value}' {message}"):
            reconcile(f"{option}={value}")
    assert provider.calls == []


def test_two_processes_settle_each_payment_once(environment_with_new_store: dict[str, str]) -> None:
    payments = [charge(method="pm_error", now=clock.now()).payment_id for _ in range(5)]
    assert {state_of(payment_id) for payment_id in payments} == {"unknown"}
    command = [sys.executable, "manage.py", "reconcile_payments", "--json"]

    runs = [subprocess.Popen(command, env=environment_with_new_store, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    documents = [json.loads(run.communicate(timeout=120)[0]) for run in runs]

    assert [run.returncode for run in runs] == [0, 0]
    assert [sum(document["counts"].values()) for document in documents] == [5, 5]
    assert {state_of(payment_id) for payment_id in payments} == {"not_sent"}
    assert facts() == ["PaymentNotSent"] * 5
