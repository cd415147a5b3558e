"""A refund is made once, whatever fails on the way."""

from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction

from apps.payments.errors import (
    InsideTransactionError,
    OutcomeUnknownError,
    PaymentNotFoundError,
    PaymentNotRefundableError,
    RefundRefusedError,
)
from apps.payments.events import PaymentRefunded
from apps.payments.gateways.port import NoAnswerError, RefusedError
from apps.payments.models import Payment, Refund
from apps.payments.services import refunding
from gdmarket import ids
from gdmarket.errors import DomainError
from tests.factories.payments import PaymentFactory, RefundFactory
from tests.log import recorded
from tests.unit.payments.actions import charge, charge_request, concurrently, everything, facts, open_breaker, recorded_refunds, state_of
from tests.unit.payments.conftest import NOON
from tests.unit.payments.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db(transaction=True)

CALLERS = 10


@pytest.fixture
def paid(provider: FakeGateway) -> UUID:
    """Return a payment that was charged."""
    return charge(now=NOON).payment_id


def refund_of(payment_id: UUID) -> Refund:
    return refunding.record_refund(payment_id=payment_id, now=NOON)


def test_a_refund_is_recorded_before_the_provider_is_called(provider: FakeGateway, paid: UUID) -> None:
    refund = refund_of(paid)

    assert (refund.payment_id, refund.amount, refund.state, refund.created_at) == (paid, 8_000, "pending", NOON)
    assert recorded_refunds() == [paid]
    assert (state_of(paid), provider.calls) == ("approved", ["charge"])


def test_a_refund_that_was_made_is_recorded_and_published(provider: FakeGateway, paid: UUID) -> None:
    refund = refunding.send_refund(refund_id=refund_of(paid).id, now=NOON)

    assert (refund.state, refund.settled_at, refund.provider_reference) == ("refunded", NOON, f"refund-{refund.id}")
    payment = Payment.objects.get(id=paid)
    assert (payment.state, payment.refunded, payment.version) == ("refunded", 8_000, 3)
    assert provider.records[paid].refunded == 8_000
    (fact,) = recorded([PaymentRefunded])
    assert (fact.stream, fact.event.state, fact.event.refunded, fact.event.version) == (f"payment:{paid}", "refunded", 8_000, 3)


def test_a_refund_recorded_again_is_the_same_refund(provider: FakeGateway, paid: UUID) -> None:
    first = refund_of(paid)
    assert refund_of(paid) == first
    refunding.send_refund(refund_id=first.id, now=NOON)
    assert refund_of(paid) == first
    assert recorded_refunds() == [paid]


def test_a_refund_already_made_is_not_requested_again(provider: FakeGateway, paid: UUID) -> None:
    refund = refund_of(paid)
    refunding.send_refund(refund_id=refund.id, now=NOON)
    before = everything()

    refunding.send_refund(refund_id=refund.id, now=NOON)

    assert provider.calls == ["charge", "refund"]
    assert everything() == before


@pytest.mark.parametrize(
    "behaviour",
    [
        {"loses": {"refund": lambda: NoAnswerError("timed_out")}},
        {"fails": {"refund": lambda: RefusedError("UNAUTHORIZED_KEY")}},
        {"refunds_pending": True},
    ],
    ids=["answer lost", "call refused", "processing"],
)
def test_a_refund_without_an_outcome_is_retried_and_made_once(provider: FakeGateway, paid: UUID, behaviour: dict[str, Any]) -> None:
    refund = refund_of(paid)
    for name, value in behaviour.items():
        setattr(provider, name, value)
    waits = []
    for _ in range(4):
        with pytest.raises(OutcomeUnknownError) as unknown:
            refunding.send_refund(refund_id=refund.id, now=NOON)
        waits.append(unknown.value.retry_after_s)
    assert waits == [1, 2, 4, 8]
    assert (state_of(paid), facts()) == ("approved", ["PaymentApproved"])
    provider.loses, provider.fails, provider.refunds_pending = {}, {}, False

    assert refunding.send_refund(refund_id=refund.id, now=NOON).state == "refunded"

    assert (provider.records[paid].refunded, state_of(paid)) == (8_000, "refunded")
    assert facts() == ["PaymentApproved", "PaymentRefunded"]


def test_a_refund_whose_caller_died_is_completed_by_the_next(provider: FakeGateway, paid: UUID) -> None:
    refund = refund_of(paid)
    provider.loses["refund"] = SystemExit
    with pytest.raises(SystemExit):
        refunding.send_refund(refund_id=refund.id, now=NOON)
    provider.loses.clear()

    refunding.send_refund(refund_id=refund.id, now=NOON)

    assert (provider.records[paid].refunded, state_of(paid)) == (8_000, "refunded")


def test_ten_concurrent_callers_record_one_refund(provider: FakeGateway, paid: UUID) -> None:
    refunds = concurrently([lambda: refund_of(paid)] * CALLERS)

    assert refunds == [Refund.objects.get()] * CALLERS
    assert recorded_refunds() == [paid]


def test_ten_concurrent_callers_refund_once(provider: FakeGateway, paid: UUID) -> None:
    refund = refund_of(paid)

    sent = concurrently([lambda: refunding.send_refund(refund_id=refund.id, now=NOON)] * CALLERS)

    assert [getattr(answer, "state", answer) for answer in sent] == ["refunded"] * CALLERS
    assert (provider.records[paid].refunded, Payment.objects.get().version) == (8_000, 3)
    assert facts() == ["PaymentApproved", "PaymentRefunded"]


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("pending", OutcomeUnknownError),
        ("unknown", OutcomeUnknownError),
        ("declined", PaymentNotRefundableError),
        ("not_sent", PaymentNotRefundableError),
    ],
)
def test_a_payment_unsettled_or_never_charged_is_not_refunded(provider: FakeGateway, state: str, error: type[DomainError]) -> None:
    payment = PaymentFactory(state=state)
    before = everything()
    with pytest.raises(error) as refusal:
        refund_of(payment.id)
    assert getattr(refusal.value, "retry_after_s", 1.0) == 1.0
    assert everything() == before
    assert provider.calls == []


def test_an_unknown_payment_or_refund_is_refused(provider: FakeGateway) -> None:
    with pytest.raises(PaymentNotFoundError):
        refund_of(ids.uuid7())
    with pytest.raises(PaymentNotFoundError):
        refunding.send_refund(refund_id=ids.uuid7(), now=NOON)
    assert everything() == [[], [], [], []]
    assert provider.calls == []


def test_a_refusal_by_the_provider_is_recorded_and_nothing_published(provider: FakeGateway, paid: UUID) -> None:
    provider.refund(request=charge_request(paid), refund_key=ids.uuid7(), amount=5_000, deadline_s=1)
    refund = refund_of(paid)

    with pytest.raises(RefundRefusedError) as refusal:
        refunding.send_refund(refund_id=refund.id, now=NOON)

    assert refusal.value.details == {"refund": str(refund.id), "reason": "more_than_charged"}
    refund.refresh_from_db()
    assert (refund.state, refund.reason, refund.settled_at) == ("pending", "more_than_charged", None)
    assert (state_of(paid), facts(), provider.records[paid].refunded) == ("approved", ["PaymentApproved"], 5_000)


def test_a_full_refund_made_by_hand_at_the_provider_counts(provider: FakeGateway, paid: UUID) -> None:
    provider.refund(request=charge_request(paid), refund_key=ids.uuid7(), amount=8_000, deadline_s=1)

    refund = refunding.send_refund(refund_id=refund_of(paid).id, now=NOON)

    assert (refund.state, state_of(paid), facts()) == ("refunded", "refunded", ["PaymentApproved", "PaymentRefunded"])
    assert provider.records[paid].refunded == 8_000


def test_while_the_breaker_is_open_the_refund_waits(provider: FakeGateway, paid: UUID) -> None:
    refund = refund_of(paid)
    open_breaker()
    with pytest.raises(OutcomeUnknownError) as unknown:
        refunding.send_refund(refund_id=refund.id, now=NOON)
    assert 15 < unknown.value.retry_after_s <= 20
    assert (provider.calls, state_of(paid)) == (["charge"], "approved")


def test_a_refund_inside_a_transaction_is_refused(provider: FakeGateway, paid: UUID) -> None:
    refund = refund_of(paid)
    before = everything()
    with pytest.raises(InsideTransactionError), transaction.atomic():
        refunding.send_refund(refund_id=refund.id, now=NOON)
    assert provider.calls == ["charge"]
    assert everything() == before


@pytest.mark.parametrize(
    ("rows", "constraint"),
    [
        ({"state": "refunded"}, "payments_refund_settled_has_time"),
        ({"settled_at": NOON}, "payments_refund_settled_has_time"),
        ({"amount": 0}, "payments_refund_amount_gt_0"),
        ({"state": "given"}, "payments_refund_"),
    ],
)
def test_the_database_refuses_a_refund_that_cannot_be(rows: dict[str, Any], constraint: str) -> None:
    payment = PaymentFactory(state="approved")
    with pytest.raises(IntegrityError, match=constraint):
        RefundFactory(payment=payment, **rows)
    assert not Refund.objects.exists()


def test_the_database_refuses_refunds_above_the_charge() -> None:
    first = RefundFactory()
    with pytest.raises(IntegrityError, match="payments_refund_due_lte_amount"), transaction.atomic():
        RefundFactory(payment=first.payment, amount=1)
    assert list(Refund.objects.all()) == [first]


@pytest.mark.parametrize(
    ("rows", "constraint"),
    [
        ({"state": "approved", "settled_at": None}, "payments_settled_has_time"),
        ({"state": "pending", "settled_at": NOON}, "payments_settled_has_time"),
        ({"state": "paid"}, "payments_payment_state_known"),
        ({"amount": 0}, "payments_payment_amount_gt_0"),
        ({"state": "refunded", "refunded": 8_001, "refund_due": 8_000}, "payments_refunded_lte_amount"),
        ({"state": "approved", "refund_due": 8_001}, "payments_refund_due_lte_amount"),
        ({"state": "declined", "refunded": 1, "refund_due": 0}, "payments_refunded_was_approved"),
        ({"state": "approved", "refunded": -1, "refund_due": 0}, "payments_refunded_lte_amount"),
        ({"state": "declined", "refund_due": 1}, "payments_refund_due_was_charged"),
        ({"state": "refunded", "refunded": 7_999}, "payments_refunded_means_in_full"),
    ],
)
def test_the_database_refuses_a_payment_that_cannot_be(rows: dict[str, Any], constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        PaymentFactory(**rows)
    assert not Payment.objects.exists()


def test_one_charge_of_the_provider_pays_for_one_payment() -> None:
    first = PaymentFactory(state="approved", provider_reference="theirs")
    with pytest.raises(IntegrityError):
        PaymentFactory(state="refunded", provider_reference="theirs")
    PaymentFactory(state="declined", provider_reference="theirs")
    assert list(Payment.objects.filter(state="approved")) == [first]
