"""`manage.py reconcile_payments`, as an operator sees it."""

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
    """What a run printed, and how it ended."""

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


def even(sum_: int) -> str:
    """Return what is said of a sum that the provider holds and the ledger as well."""
    return f"Held by the provider {sum_:,} KRW, by the ledger {sum_:,}: difference 0."


def test_with_no_payments_there_is_nothing_to_say(provider: FakeGateway) -> None:
    assert reconcile() == Run(0, "Payments compared: none.\n", "")


def test_books_that_agree_are_counted_and_not_listed(provider: FakeGateway) -> None:
    charge(now=clock.now())
    charge(now=clock.now())
    assert reconcile() == Run(0, f"Payments compared: 2 agrees.\n{even(16_000)}\n", "")


def test_what_was_repaired_is_listed_and_the_next_run_agrees(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="unknown")
    provider.records[payment.id] = CHARGED

    run = reconcile()

    head, row, total, sums = run.out.splitlines()
    assert head.split() == ["verdict", "payment", "rental", "ours", "provider"]
    assert row.split() == ["repaired", str(payment.id), str(payment.rental_id), "unknown", "8000", "KRW", "now", "approved"]
    assert (run.code, total, sums) == (0, "Payments compared: 1 repaired.", even(8_000))
    assert reconcile() == Run(0, f"Payments compared: 1 agrees.\n{even(8_000)}\n", "")
    assert facts() == ["PaymentApproved"]


def test_a_difference_ends_with_exit_code_1_and_changes_nothing(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="not_sent")
    provider.records[payment.id] = CHARGED
    before = everything()

    run = reconcile()

    assert run.code == 1
    assert run.out.splitlines()[1].split()[:2] == ["needs_person", str(payment.id)]
    assert run.out.splitlines()[1].endswith("charged 8000 KRW")
    assert everything() == before


def test_a_difference_does_not_keep_the_rest_from_being_repaired(provider: FakeGateway) -> None:
    PaymentFactory(state="approved")
    lost = PaymentFactory(state="unknown")
    provider.records[lost.id] = CHARGED
    run = reconcile()
    assert (run.code, run.out.splitlines()[-2]) == (1, "Payments compared: 1 needs_person, 1 repaired.")
    assert state_of(lost.id) == "approved"


def test_a_provider_that_is_not_reached_ends_with_exit_code_1(provider: FakeGateway) -> None:
    PaymentFactory(state="unknown")
    before = everything()
    provider.fails["lookup"] = lambda: NoAnswerError("timed_out")
    run = reconcile("--dry-run")
    assert (run.code, run.out.splitlines()[-1]) == (1, "Payments compared: 1 not_reached.")
    assert everything() == before


def test_a_dry_run_changes_nothing_and_finds_it_well(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="unknown")
    provider.records[payment.id] = CHARGED
    before = everything()
    run = reconcile("--dry-run")
    assert (run.code, run.out.splitlines()[-2]) == (0, "Payments compared: 1 would_repair.")
    assert everything() == before


def test_a_dry_run_too_ends_with_exit_code_1_where_a_person_must_look(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="unknown")
    provider.records[payment.id] = ChargeRecord(status=ChargeStatus.CHARGED, amount=80_000, currency="KRW")
    run = reconcile("--dry-run")
    assert (run.code, run.out.splitlines()[-2]) == (1, "Payments compared: 1 needs_person.")
    assert state_of(payment.id) == "unknown"


def test_what_the_provider_charged_and_we_do_not_know_is_named(provider: FakeGateway) -> None:
    stranger = ids.uuid7()
    provider.records[stranger] = CHARGED

    run = reconcile()

    _, row, total, sums = run.out.splitlines()
    assert row.split() == ["needs_person", "-", "-", "no", "payment", "charged", "8000", "KRW", "as", str(stranger)]
    assert (run.code, total) == (1, "Payments compared: 1 needs_person.")
    assert sums == "Held by the provider 8,000 KRW, by the ledger 0: difference 8,000."


def test_a_list_that_is_not_reached_ends_with_exit_code_1(provider: FakeGateway) -> None:
    provider.fails["list"] = lambda: NoAnswerError("timed_out")
    run = reconcile()
    assert (run.code, run.out.splitlines()[1].split()[0]) == (1, "not_reached")
    assert run.out.splitlines()[-1] == "Payments compared: 1 not_reached."


def test_each_currency_is_summed_for_itself(provider: FakeGateway) -> None:
    charge(now=clock.now())
    charge(now=clock.now(), amount=500, currency="USD")
    assert json.loads(reconcile("--json").out)["sums"] == [
        {"currency": "KRW", "provider": 8_000, "ledger": 8_000, "difference": 0},
        {"currency": "USD", "provider": 500, "ledger": 500, "difference": 0},
    ]


def test_only_younger_ones_can_be_compared(provider: FakeGateway) -> None:
    now = clock.now()
    for days in (1, 40):
        old = PaymentFactory(state="approved", created_at=now - timedelta(days=days))
        provider.records[old.id], provider.made_at[old.id] = replace(CHARGED, reference=str(days)), old.created_at
    assert reconcile("--days", "30") == Run(0, f"Payments compared: 1 agrees.\n{even(8_000)}\n", "")
    assert reconcile() == Run(0, f"Payments compared: 2 agrees.\n{even(16_000)}\n", "")


def test_as_json_it_is_one_document(provider: FakeGateway) -> None:
    charge(now=clock.now())
    payment = PaymentFactory(state="not_sent")
    provider.records[payment.id] = CHARGED

    run = reconcile("--json")

    assert run.code == 1
    assert json.loads(run.out) == {
        "counts": {"agrees": 1, "needs_person": 1},
        "sums": [{"currency": "KRW", "provider": 16_000, "ledger": 8_000, "difference": 8_000}],
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


def test_as_json_it_is_a_document_even_of_nothing(provider: FakeGateway) -> None:
    assert json.loads(reconcile("--json").out) == {"counts": {}, "sums": [], "findings": []}


def test_a_long_run_tells_how_far_it_is(provider: FakeGateway) -> None:
    PaymentFactory.create_batch(500, state="not_sent")
    run = reconcile()
    assert (run.code, run.out, run.progress) == (0, f"Payments compared: 500 agrees.\n{even(0)}\n", "500 payments compared …\n")


def test_younger_payments_are_left_alone(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="unknown")
    assert reconcile("--older-than", "7200").out == "Payments compared: none.\n"
    assert (state_of(payment.id), provider.calls) == ("unknown", ["list"])


@pytest.mark.parametrize("age", ["-1", "soon", "nan", "inf", "1e300"])
def test_an_age_that_is_none_is_refused(provider: FakeGateway, age: str) -> None:
    PaymentFactory(state="unknown")
    before = everything()
    with pytest.raises(CommandError, match=f"'{age}' is not a number of seconds"):
        reconcile(f"--older-than={age}")
    assert everything() == before
    assert provider.calls == []


def test_two_processes_settle_each_payment_once_in_the_sandbox(environment_with_a_new_book: dict[str, str]) -> None:
    payments = [charge(method="pm_error", now=clock.now()).payment_id for _ in range(5)]
    assert {state_of(payment_id) for payment_id in payments} == {"unknown"}
    command = [sys.executable, "manage.py", "reconcile_payments", "--json"]

    runs = [subprocess.Popen(command, env=environment_with_a_new_book, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [json.loads(run.communicate(timeout=120)[0]) for run in runs]

    assert [run.returncode for run in runs] == [0, 0]
    assert [sum(document["counts"].values()) for document in told] == [5, 5]
    assert {state_of(payment_id) for payment_id in payments} == {"not_sent"}
    assert facts() == ["PaymentDeclined"] * 5
