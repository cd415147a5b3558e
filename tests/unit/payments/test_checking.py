"""An unsettled payment is looked up, and voided if the provider never saw it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as configured
from django.db import transaction
from pytest_django import Settings

from apps.payments import gateways
from apps.payments.errors import InsideTransactionError, OutcomeUnknownError, PaymentDiffersError, PaymentNotFoundError
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError, NotSentError, RefusedError
from apps.payments.gateways.sandbox import SandboxGateway
from apps.payments.models import Payment, Posting
from apps.payments.services import charging, checking
from gdmarket import ids
from tests.factories.payments import PaymentFactory
from tests.unit.payments.actions import charge, charge_request, everything, facts, new_attempt, open_breaker, state_of
from tests.unit.payments.conftest import NOON
from tests.unit.payments.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db(transaction=True)

LATER = NOON + timedelta(seconds=5)


def check(payment_id: UUID) -> Payment:
    return checking.check_payment(payment_id=payment_id, now=LATER)


def waits(payment_id: UUID, *, tries: int = 4) -> list[float]:
    """Check a payment that stays unknown; return the wait that each check asks for."""
    found = []
    for _ in range(tries):
        with pytest.raises(OutcomeUnknownError) as unknown:
            check(payment_id)
        found.append(unknown.value.retry_after_s)
    return found


@pytest.mark.parametrize(
    ("method", "at_first", "in_the_end", "status"),
    [
        ("pm_ok", "approved", "approved", ChargeStatus.CHARGED),
        ("pm_declined", "declined", "declined", ChargeStatus.DECLINED),
        ("pm_slow", "unknown", "approved", ChargeStatus.CHARGED),
        ("pm_lost", "unknown", "approved", ChargeStatus.CHARGED),
        ("pm_error", "unknown", "not_sent", ChargeStatus.VOIDED),
        ("pm_down", "not_sent", "not_sent", ChargeStatus.NOT_FOUND),
    ],
)
def test_a_check_settles_every_sandbox_method(
    settings: Settings, method: str, at_first: str, in_the_end: str, status: ChargeStatus
) -> None:
    settings.GDMARKET_PAYMENT_TIMEOUT_MS = 100
    result = charge(method=method, now=NOON)
    assert result.outcome == at_first

    assert check(result.payment_id).state == in_the_end

    record = gateways.current().lookup(request=charge_request(result.payment_id), deadline_s=1)
    assert (record.status, record.amount) == (status, 8_000 if status is ChargeStatus.CHARGED else 0)
    assert facts() == [{"approved": "PaymentApproved", "declined": "PaymentDeclined", "not_sent": "PaymentNotSent"}[in_the_end]]


def test_a_charge_that_arrives_after_the_void_is_refused() -> None:
    payment_id = charge(method="pm_error", now=NOON).payment_id
    check(payment_id)
    # The request that failed arrives once more.
    sandbox = SandboxGateway(store=configured.GDMARKET_DATA_DIR / "sandbox.sqlite3")

    late = sandbox.charge(request=charge_request(payment_id), deadline_s=1)

    assert late == ChargeRecord(status=ChargeStatus.VOIDED)
    assert (state_of(payment_id), facts()) == ("not_sent", ["PaymentNotSent"])


def test_a_charge_between_lookup_and_void_is_found(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="unknown")
    provider.on_arrival["void"] = lambda: provider.records.update(
        {payment.id: ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, currency="KRW", reference="late")}
    )

    settled = check(payment.id)

    assert (settled.state, settled.provider_reference, settled.settled_at) == ("approved", "late", LATER)
    assert (provider.calls, facts()) == (["lookup", "void"], ["PaymentApproved"])


def test_an_attempt_never_sent_is_closed_without_a_call_and_never_sent_later(provider: FakeGateway) -> None:
    attempt = new_attempt()
    charging.open_payment(request=charge_request(**attempt), now=NOON)

    settled = check(attempt["payment_id"])
    result = charge(**attempt, now=LATER)

    assert (settled.state, settled.reason, settled.asked_at) == ("not_sent", "never_sent", LATER)
    assert result.outcome == "not_sent"
    assert (provider.calls, provider.records, facts()) == ([], {}, ["PaymentNotSent"])


def test_an_attempt_whose_sender_died_is_voided(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="pending")
    assert check(payment.id).state == "not_sent"
    assert provider.calls == ["lookup", "void"]


@pytest.mark.parametrize("state", ["approved", "declined", "not_sent", "refunded"])
def test_a_settled_payment_is_left_alone(provider: FakeGateway, state: str) -> None:
    payment = PaymentFactory(state=state)
    before = everything()
    assert check(payment.id) == payment
    assert everything() == before
    assert provider.calls == []


@pytest.mark.parametrize("state", ["pending", "unknown"])
@pytest.mark.parametrize("call", ["lookup", "void"])
@pytest.mark.parametrize(
    "fault",
    [NoAnswerError("timed_out"), NotSentError("connection_refused"), RefusedError("UNAUTHORIZED_KEY")],
    ids=lambda fault: fault.reason,
)
def test_a_check_without_an_answer_is_retried_with_a_growing_wait(provider: FakeGateway, state: str, call: str, fault: Exception) -> None:
    payment = PaymentFactory(state=state)
    provider.fails[call] = lambda: fault
    assert waits(payment.id) == [1, 2, 4, 8]
    assert (state_of(payment.id), facts(), provider.records) == (state, [], {})


def test_the_providers_retry_after_is_obeyed(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="unknown")
    provider.fails["lookup"] = lambda: NoAnswerError("busy", retry_after_s=90.0)
    assert waits(payment.id, tries=1) == [90.0]
    assert state_of(payment.id) == "unknown"


def test_a_charge_still_processing_is_unknown_and_looked_up_until_it_is_settled(provider: FakeGateway) -> None:
    payment_id = ids.uuid7()
    provider.records[payment_id] = ChargeRecord(status=ChargeStatus.PROCESSING)

    result = charge(payment_id=payment_id, now=NOON)

    assert (result.outcome, result.reason) == ("unknown", "processing")
    assert (waits(payment_id), state_of(payment_id), facts()) == ([1, 2, 4, 8], "unknown", [])
    assert provider.calls == ["charge", *["lookup"] * 4]  # never voided
    provider.records[payment_id] = ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, currency="KRW")
    assert check(payment_id).state == "approved"


def test_a_provider_without_tombstones_is_asked_again_while_the_charge_may_still_come(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="unknown")
    provider.on_arrival["void"] = lambda: provider.records.update({payment.id: ChargeRecord(status=ChargeStatus.PROCESSING)})
    assert waits(payment.id, tries=1) == [1]
    assert (state_of(payment.id), facts(), provider.calls) == ("unknown", [], ["lookup", "void"])


def test_while_the_breaker_is_open_the_check_waits(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="unknown")
    open_breaker()
    with pytest.raises(OutcomeUnknownError) as unknown:
        check(payment.id)
    assert 15 < unknown.value.retry_after_s <= 20
    assert (provider.calls, state_of(payment.id)) == ([], "unknown")


@pytest.mark.parametrize("changes", [{"amount": 8_001}, {"currency": "USD"}, {"refunded": 3_000}], ids=str)
def test_a_charge_of_another_sum_or_partly_refunded_needs_a_person(provider: FakeGateway, changes: dict[str, Any]) -> None:
    payment = PaymentFactory(state="unknown")
    record = provider.records[payment.id] = replace(ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, currency="KRW"), **changes)
    with pytest.raises(PaymentDiffersError) as difference:
        check(payment.id)
    assert difference.value.details == {"payment": str(payment.id), "amount": 8_000, "provider_amount": record.amount}
    assert (state_of(payment.id), facts(), provider.calls) == ("unknown", [], ["lookup"])


def test_a_charge_refunded_before_it_was_known_pays_for_nothing(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="unknown")
    provider.records[payment.id] = ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, refunded=8_000, currency="KRW")
    settled = check(payment.id)
    assert (settled.state, settled.reason, Posting.objects.exists()) == ("declined", "given_back", False)


def test_an_unknown_payment_cannot_be_checked(provider: FakeGateway) -> None:
    with pytest.raises(PaymentNotFoundError):
        check(ids.uuid7())
    assert provider.calls == []


def test_a_check_inside_a_transaction_is_refused(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="unknown")
    before = everything()
    with pytest.raises(InsideTransactionError), transaction.atomic():
        check(payment.id)
    assert provider.calls == []
    assert everything() == before
