"""What payments does on events of rentals and on its own timers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.models import F

from apps.payments.events import PaymentCheckDue, RefundRecorded
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError
from apps.payments.models import Payment, Refund
from apps.rentals.events import RentalPaymentStarted, RentalRefundDue
from gdmarket import breaker, bus, ids
from gdmarket.bus.models import Delivery
from tests.factories.items import rental_fact
from tests.factories.payments import PaymentFactory, RefundFactory
from tests.unit.payments.actions import charge, everything, facts, publish, recorded_refunds, scheduled_checks, state_of
from tests.unit.payments.conftest import NOON
from tests.unit.payments.fake_gateway import FakeGateway

pytestmark = pytest.mark.django_db(transaction=True)


def publish_rental_fact(kind: type, *, payment_id: UUID | None, at: datetime = NOON, **more: Any) -> Any:
    """Publish and return a fact about a rental that is paid under `payment_id`."""
    public: Any = rental_fact(kind, item_id=ids.uuid7(), rental_id=ids.uuid7(), version=2, starts_at=NOON, **more)
    event = replace(public, payment_id=payment_id, occurred_at=at)
    publish(event, stream=f"rental:{event.rental_id}")
    return event


def deliver() -> int:
    return bus.run_until_idle(contexts=["payments"])


def outstanding() -> list[tuple[bool, str]]:
    """Return the outstanding deliveries: whether each is dead, and its error."""
    return list(Delivery.objects.filter(subscriber="payments").order_by("id").values_list("dead", "error"))


def let_pass(seconds: float) -> None:
    Delivery.objects.update(not_before=F("not_before") - timedelta(seconds=seconds))


def test_an_attempt_is_recorded_when_it_starts_and_settled_although_never_charged(provider: FakeGateway) -> None:
    payment_id = ids.uuid7()
    started = publish_rental_fact(RentalPaymentStarted, payment_id=payment_id, at=datetime.now(UTC), method="pm_ok")

    deliver()

    assert scheduled_checks() == [payment_id]
    payment = Payment.objects.get(id=payment_id)
    assert (payment.rental_id, payment.payer_id, payment.payee_id) == (started.rental_id, started.renter_id, started.manager_id)
    assert (payment.item_id, payment.amount, payment.method) == (started.item_id, 8_000, "pm_ok")
    let_pass(5)
    deliver()
    assert (state_of(payment_id), provider.calls, outstanding()) == ("not_sent", [], [])


def test_an_attempt_charged_meanwhile_is_not_recorded_again(provider: FakeGateway) -> None:
    payment_id = ids.uuid7()
    started = publish_rental_fact(RentalPaymentStarted, payment_id=payment_id, method="pm_ok")
    people = {"payer_id": started.renter_id, "payee_id": started.manager_id}
    charge(payment_id=payment_id, rental_id=started.rental_id, item_id=started.item_id, **people, now=NOON)
    before = everything()

    deliver()

    assert everything() == before
    assert (provider.calls, outstanding()) == (["charge"], [])


def test_a_refund_due_is_recorded_requested_and_published(provider: FakeGateway) -> None:
    payment_id = charge(now=NOON).payment_id
    publish_rental_fact(RentalRefundDue, payment_id=payment_id, reason="changed my mind")

    deliver()

    assert (state_of(payment_id), provider.records[payment_id].refunded) == ("refunded", 8_000)
    assert facts() == ["PaymentApproved", "PaymentRefunded"]


def test_a_refund_due_twice_is_made_once(provider: FakeGateway) -> None:
    payment_id = charge(now=NOON).payment_id
    for _ in range(2):
        publish_rental_fact(RentalRefundDue, payment_id=payment_id, reason="changed my mind")
        deliver()
    assert (provider.calls.count("refund"), recorded_refunds()) == (1, [payment_id])
    assert facts() == ["PaymentApproved", "PaymentRefunded"]


def test_a_refund_waits_until_its_payment_is_settled(provider: FakeGateway) -> None:
    payment = PaymentFactory(state="unknown")
    provider.records[payment.id] = ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, currency="KRW")
    publish_rental_fact(RentalRefundDue, payment_id=payment.id, reason="changed my mind")
    for _ in range(12):
        deliver()
        let_pass(2)
    assert [dead for dead, _ in outstanding()] == [False]
    assert not Refund.objects.exists()

    publish(PaymentCheckDue(payment_id=payment.id, occurred_at=NOON), stream=f"payment-timer:{payment.id}")
    deliver()
    let_pass(2)
    deliver()

    assert (state_of(payment.id), outstanding()) == ("refunded", [])


@pytest.mark.parametrize("state", ["declined", "not_sent"])
def test_a_refund_of_a_payment_never_charged_is_dead_at_once(provider: FakeGateway, state: str) -> None:
    payment = PaymentFactory(state=state)
    before = everything()
    publish_rental_fact(RentalRefundDue, payment_id=payment.id, reason="changed my mind")

    deliver()

    assert [(dead, "payment_not_refundable" in error) for dead, error in outstanding()] == [(True, True)]
    assert everything() == before
    assert provider.calls == []


@pytest.mark.parametrize(("kind", "more"), [(RentalPaymentStarted, {"method": "pm_ok"}), (RentalRefundDue, {"reason": ""})])
def test_a_fact_that_names_no_payment_is_dead_at_once(provider: FakeGateway, kind: type, more: dict[str, Any]) -> None:
    publish_rental_fact(kind, payment_id=None, **more)
    deliver()
    assert [dead for dead, _ in outstanding()] == [True]
    assert everything() == [[], [], [], []]


def deliver_in_vain() -> None:
    """Deliver nine times, more often than any other failure is retried, while the provider does not answer."""
    for _ in range(9):
        deliver()
        assert [dead for dead, _ in outstanding()] == [False]
        let_pass(61)
        breaker.reset()


def test_a_refund_is_requested_until_the_provider_answers(provider: FakeGateway) -> None:
    payment_id = charge(now=NOON).payment_id
    provider.loses["refund"] = lambda: NoAnswerError("timed_out")
    publish_rental_fact(RentalRefundDue, payment_id=payment_id, reason="changed my mind")
    deliver_in_vain()
    assert state_of(payment_id) == "approved"
    provider.loses.clear()

    deliver()

    assert (state_of(payment_id), provider.records[payment_id].refunded) == ("refunded", 8_000)
    assert facts() == ["PaymentApproved", "PaymentRefunded"]


def test_a_refund_that_the_provider_refuses_is_dead_at_once(provider: FakeGateway) -> None:
    refund = RefundFactory()
    publish(RefundRecorded(refund_id=refund.id, payment_id=refund.payment_id, occurred_at=NOON), stream=f"refund:{refund.id}")

    deliver()

    assert [(dead, "refund_refused" in error) for dead, error in outstanding()] == [(True, True)]
    assert (state_of(refund.payment_id), facts(), provider.calls) == ("approved", [], ["refund", "lookup"])


def test_a_payment_is_looked_up_until_the_provider_answers(provider: FakeGateway) -> None:
    payment_id = ids.uuid7()
    provider.loses["charge"] = lambda: NoAnswerError("timed_out")
    provider.fails["lookup"] = lambda: NoAnswerError("timed_out")
    charge(payment_id=payment_id, now=NOON)
    deliver_in_vain()
    assert (state_of(payment_id), facts()) == ("unknown", [])
    provider.fails.clear()

    deliver()

    assert (state_of(payment_id), facts(), outstanding()) == ("approved", ["PaymentApproved"], [])


def test_a_payment_is_not_looked_up_before_its_timer_is_due(provider: FakeGateway) -> None:
    provider.loses["charge"] = lambda: NoAnswerError("timed_out")
    payment_id = charge(now=datetime.now(UTC)).payment_id
    deliver()
    assert (state_of(payment_id), provider.calls) == ("unknown", ["charge"])
    let_pass(5)
    deliver()
    assert (state_of(payment_id), provider.calls) == ("approved", ["charge", "lookup"])


def test_a_payment_that_differs_is_dead_at_once(provider: FakeGateway) -> None:
    payment_id = ids.uuid7()
    provider.records[payment_id] = ChargeRecord(status=ChargeStatus.CHARGED, amount=80_000, currency="KRW")
    charge(payment_id=payment_id, now=NOON)

    deliver()

    assert [(dead, "payment_differs" in error) for dead, error in outstanding()] == [(True, True)]
    assert (state_of(payment_id), facts()) == ("unknown", [])
