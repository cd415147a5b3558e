"""Partial refunds: each once under its id, together never above the charge, and the payment stands."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from apps.payments import queries
from apps.payments.errors import (
    OutcomeUnknownError,
    PaymentNotFoundError,
    PaymentNotRefundableError,
    RefundReusedError,
    RefundTooLargeError,
)
from apps.payments.events import PaymentPartlyRefunded
from apps.payments.gateways.port import NoAnswerError
from apps.payments.models import Payment, Posting, Refund
from apps.payments.services import ledger, refunding
from gdmarket import ids
from tests.factories.payments import PaymentFactory
from tests.log import recorded
from tests.unit.payments.actions import charge, concurrently, everything, facts, give_back, recorded_refunds, state_of
from tests.unit.payments.conftest import NOON
from tests.unit.payments.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db(transaction=True)

CALLERS = 10


@pytest.fixture
def paid(provider: FakeGateway) -> UUID:
    """Return a payment of 8,000 won that was charged."""
    return charge(now=NOON).payment_id


def part_of(payment_id: UUID, amount: int, *, refund_id: UUID | None = None, **more: Any) -> Refund:
    return give_back(refund_id=refund_id, payment_id=payment_id, amount=amount, now=NOON, **more)


def send(refund: Refund) -> Refund:
    return refunding.send_refund(refund_id=refund.id, now=NOON)


def test_a_part_is_recorded_and_counted_before_the_provider_is_called(provider: FakeGateway, paid: UUID) -> None:
    refund = part_of(paid, 3_000)

    assert (refund.payment_id, refund.amount, refund.state, refund.created_at) == (paid, 3_000, "pending", NOON)
    payment = Payment.objects.get()
    assert (payment.state, payment.refund_due, payment.refunded, payment.version) == ("approved", 3_000, 0, 2)
    assert recorded_refunds() == [paid]
    assert (provider.calls, facts()) == (["charge"], ["PaymentApproved"])


def test_a_part_refunded_is_published_and_the_payment_stands(provider: FakeGateway, paid: UUID) -> None:
    send(part_of(paid, 3_000))

    payment = Payment.objects.get()
    assert (payment.state, payment.refund_due, payment.refunded, payment.version) == ("approved", 3_000, 3_000, 3)
    assert provider.records[paid].refunded == 3_000
    (fact,) = recorded([PaymentPartlyRefunded])
    assert fact.stream == f"payment:{paid}"
    assert (fact.event.state, fact.event.amount, fact.event.refunded, fact.event.version) == ("approved", 8_000, 3_000, 3)


def test_a_part_whose_answer_is_lost_is_refunded_once(provider: FakeGateway, paid: UUID) -> None:
    part = part_of(paid, 3_000)
    provider.loses["refund"] = lambda: NoAnswerError("timed_out")
    with pytest.raises(OutcomeUnknownError):
        send(part)
    provider.loses.clear()

    send(part)

    assert (provider.calls.count("refund"), provider.records[paid].refunded, Payment.objects.get().refunded) == (2, 3_000, 3_000)


def test_a_refund_after_a_part_is_of_the_rest(provider: FakeGateway, paid: UUID) -> None:
    send(part_of(paid, 3_000))

    rest = refunding.record_refund(payment_id=paid, now=NOON)
    assert rest.amount == 5_000
    assert refunding.record_refund(payment_id=paid, now=NOON) == rest
    send(rest)

    assert (state_of(paid), provider.records[paid].refunded) == ("refunded", 8_000)
    assert facts() == ["PaymentApproved", "PaymentPartlyRefunded", "PaymentRefunded"]


def test_the_rest_may_be_refunded_before_the_part(provider: FakeGateway, paid: UUID) -> None:
    part = part_of(paid, 3_000)
    send(refunding.record_refund(payment_id=paid, now=NOON))
    assert (state_of(paid), facts()) == ("approved", ["PaymentApproved", "PaymentPartlyRefunded"])

    send(part)

    assert (state_of(paid), provider.records[paid].refunded) == ("refunded", 8_000)
    assert facts() == ["PaymentApproved", "PaymentPartlyRefunded", "PaymentRefunded"]


@pytest.mark.parametrize(("due", "amount"), [(0, 8_001), (0, 0), (0, -1), (5_000, 3_001), (8_000, 1)])
def test_a_part_that_is_more_than_is_left_or_is_not_positive_is_refused(provider: FakeGateway, paid: UUID, due: int, amount: int) -> None:
    if due == 8_000:
        refunding.record_refund(payment_id=paid, now=NOON)
    elif due:
        part_of(paid, due)
    before = everything()
    with pytest.raises(RefundTooLargeError) as refusal:
        part_of(paid, amount)
    assert refusal.value.details == {"amount": amount, "left": 8_000 - due}
    assert everything() == before


def test_a_repeated_id_refunds_nothing_more(provider: FakeGateway, paid: UUID) -> None:
    refund_id = ids.uuid7()
    first = part_of(paid, 5_000, refund_id=refund_id)
    before = everything()
    assert part_of(paid, 5_000, refund_id=refund_id) == first
    assert everything() == before

    send(first)
    before = everything()
    assert part_of(paid, 5_000, refund_id=refund_id).state == "refunded"
    assert everything() == before


def test_an_id_that_names_another_refund_is_refused(provider: FakeGateway, paid: UUID) -> None:
    refund_id, other = ids.uuid7(), charge(now=NOON).payment_id
    part_of(paid, 3_000, refund_id=refund_id)
    before = everything()
    for payment_id, amount in ((paid, 3_001), (other, 3_000)):
        with pytest.raises(RefundReusedError) as refusal:
            part_of(payment_id, amount, refund_id=refund_id)
        assert refusal.value.details == {"refund": str(refund_id)}
    assert everything() == before


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        ("pending", OutcomeUnknownError),
        ("unknown", OutcomeUnknownError),
        ("declined", PaymentNotRefundableError),
        ("not_sent", PaymentNotRefundableError),
        ("refunded", RefundTooLargeError),
    ],
)
def test_a_payment_without_money_cannot_be_refunded_in_part(provider: FakeGateway, state: str, refusal: type[Exception]) -> None:
    payment = PaymentFactory(state=state)
    before = everything()
    with pytest.raises(refusal):
        part_of(payment.id, 1_000)
    with pytest.raises(PaymentNotFoundError):
        part_of(ids.uuid7(), 1_000)
    assert everything() == before


def test_a_dry_run_checks_everything_and_changes_nothing(provider: FakeGateway, paid: UUID) -> None:
    before = everything()
    assert part_of(paid, 3_000, dry_run=True).amount == 3_000
    with pytest.raises(RefundTooLargeError):
        part_of(paid, 8_001, dry_run=True)
    assert everything() == before
    assert Payment.objects.get().refund_due == 0


def test_ten_concurrent_parts_never_exceed_the_charge(provider: FakeGateway, paid: UUID) -> None:
    answers = concurrently([lambda: send(part_of(paid, 1_500))] * CALLERS)

    made = [answer for answer in answers if isinstance(answer, Refund)]
    assert len(made) == 5
    assert [type(answer) for answer in answers if answer not in made] == [RefundTooLargeError] * 5
    payment = Payment.objects.get()
    assert (payment.refund_due, payment.refunded, provider.records[paid].refunded) == (7_500, 7_500, 7_500)
    assert queries.held_by_ledger(payment_ids=[paid]) == {paid: 500}


def test_ten_concurrent_callers_with_one_id_record_one_refund(provider: FakeGateway, paid: UUID) -> None:
    refund_id = ids.uuid7()

    answers = concurrently([lambda: part_of(paid, 3_000, refund_id=refund_id)] * CALLERS)

    assert answers == [Refund.objects.get()] * CALLERS
    assert (Payment.objects.get().refund_due, recorded_refunds()) == (3_000, [paid])


@contextmanager
def without_the_constraint() -> Iterator[None]:
    """Let the database allow refunds above the charge; afterwards empty the tables and restore the constraint."""
    constraint = next(one for one in Payment._meta.constraints if one.name == "payments_refund_due_lte_amount")
    with connection.schema_editor() as editor:
        editor.remove_constraint(Payment, constraint)
    try:
        yield
    finally:
        with ledger.guard_disabled():
            for table in (Posting, Refund, Payment):
                table.objects.all().delete()
        with connection.schema_editor() as editor:
            editor.add_constraint(Payment, constraint)


@pytest.mark.postgresql
def test_without_the_lock_and_the_constraint_ten_concurrent_parts_exceed_the_charge(
    provider: FakeGateway, paid: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "get_payment", lambda *, payment_id, **_: Payment.objects.get(id=payment_id))

    with without_the_constraint():
        concurrently([lambda: part_of(paid, 7_000)] * CALLERS)
        due = sum(Refund.objects.values_list("amount", flat=True))

    assert due > 8_000
