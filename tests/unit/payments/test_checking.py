"""Finding out what became of a payment: looked up, or made sure that it never happens."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.conf import settings as configured
from django.db import transaction
from pytest_django import Settings

from apps.payments import gateways
from apps.payments.errors import InsideTransactionError, OutcomeUnknownError, PaymentDiffersError, PaymentNotFoundError
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError, NotSentError
from apps.payments.gateways.sandbox import SandboxGateway
from apps.payments.models import Payment
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
def test_every_way_of_the_sandbox_comes_to_a_certain_end(
    settings: Settings, method: str, at_first: str, in_the_end: str, status: ChargeStatus
) -> None:
    settings.GDMARKET_PAYMENT_TIMEOUT_MS = 100
    result = charge(method=method, now=NOON)
    assert result.outcome == at_first

    assert check(result.payment_id).state == in_the_end

    record = gateways.current().lookup(request=charge_request(result.payment_id), deadline_s=1)
    assert (record.status, record.amount) == (status, 8_000 if status is ChargeStatus.CHARGED else 0)
    assert facts() == ["PaymentApproved" if in_the_end == "approved" else "PaymentDeclined"]


def test_a_charge_that_comes_after_the_tombstone_is_refused_for_ever() -> None:
    payment_id = charge(method="pm_error", now=NOON).payment_id
    check(payment_id)
    # The request that the provider answered with an error arrives once more, from some queue on the way.
    sandbox = SandboxGateway(store=configured.GDMARKET_DATA_DIR / "sandbox.sqlite3")

    late = sandbox.charge(request=charge_request(payment_id), deadline_s=1)

    assert late == ChargeRecord(status=ChargeStatus.VOIDED)
    assert (state_of(payment_id), facts()) == ("not_sent", ["PaymentDeclined"])


def test_a_charge_that_comes_between_lookup_and_void_is_found(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="unknown")
    provider.on_arrival["void"] = lambda: provider.records.update(
        {payment.id: ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, currency="KRW", reference="late")}
    )

    settled = check(payment.id)

    assert (settled.state, settled.provider_reference, settled.settled_at) == ("approved", "late", LATER)
    assert (provider.calls, facts()) == (["lookup", "void"], ["PaymentApproved"])


def test_an_attempt_that_nobody_sent_is_closed_without_asking_and_nobody_sends_it_any_more(provider: FakeGateway) -> None:
    attempt = new_attempt()
    charging.open_payment(request=charge_request(**attempt), now=NOON)

    settled = check(attempt["payment_id"])
    result = charge(**attempt, now=LATER)

    assert (settled.state, settled.reason, settled.asked_at) == ("not_sent", "never_sent", LATER)
    assert result.outcome == "not_sent"
    assert (provider.calls, provider.records, facts()) == ([], {}, ["PaymentDeclined"])


def test_a_checker_that_dies_after_its_claim_leaves_an_attempt_that_heals(provider: FakeGateway) -> None:
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
@pytest.mark.parametrize("silent", ["lookup", "void"])
@pytest.mark.parametrize("fault", [NoAnswerError("timed_out"), NotSentError("connection_refused")], ids=lambda fault: fault.reason)
def test_a_silent_provider_is_asked_again_ever_more_patiently(provider: FakeGateway, state: str, silent: str, fault: Exception) -> None:
    payment = PaymentFactory(state=state)
    provider.fails[silent] = lambda: fault
    waits = []
    for _ in range(4):
        with pytest.raises(OutcomeUnknownError) as silence:
            check(payment.id)
        waits.append(silence.value.retry_after_s)
    assert waits == [1, 2, 4, 8]
    assert (state_of(payment.id), facts(), provider.records) == (state, [], {})


def test_a_provider_that_says_when_to_come_back_is_obeyed(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="unknown")
    provider.fails["lookup"] = lambda: NoAnswerError("busy", retry_after_s=90.0)
    with pytest.raises(OutcomeUnknownError) as silence:
        check(payment.id)
    assert silence.value.retry_after_s == 90.0
    assert state_of(payment.id) == "unknown"


def test_while_the_breaker_is_open_the_check_waits(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="unknown")
    open_breaker()
    with pytest.raises(OutcomeUnknownError) as silence:
        check(payment.id)
    assert 15 < silence.value.retry_after_s <= 20
    assert (provider.calls, state_of(payment.id)) == ([], "unknown")


@pytest.mark.parametrize(("amount", "currency"), [(8_001, "KRW"), (8_000, "USD")])
def test_another_sum_than_ours_is_for_a_person(provider: FakeGateway, amount: int, currency: str) -> None:
    payment = PaymentFactory(state="unknown")
    provider.records[payment.id] = ChargeRecord(status=ChargeStatus.CHARGED, amount=amount, currency=currency)
    with pytest.raises(PaymentDiffersError) as difference:
        check(payment.id)
    assert difference.value.details == {"payment": str(payment.id), "amount": 8_000, "provider_amount": amount}
    assert (state_of(payment.id), facts(), provider.calls) == ("unknown", [], ["lookup"])


def test_what_nobody_knows_cannot_be_checked(provider: FakeGateway) -> None:
    with pytest.raises(PaymentNotFoundError):
        check(ids.uuid7())
    assert provider.calls == []


def test_inside_a_transaction_the_provider_is_not_asked(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="unknown")
    before = everything()
    with pytest.raises(InsideTransactionError), transaction.atomic():
        check(payment.id)
    assert provider.calls == []
    assert everything() == before
