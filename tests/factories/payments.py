"""Payments and refunds, as rows."""

from datetime import UTC, datetime, timedelta
from typing import Any

import factory

from apps.payments.domain import CHARGED, UNSETTLED, PaymentState, RefundState
from apps.payments.models import Payment, Refund
from apps.payments.services import ledger
from gdmarket import ids


class PaymentFactory(factory.django.DjangoModelFactory):
    """A payment for one day, opened and sent to the provider an hour ago; `PaymentFactory(state=…)` for another state."""

    class Meta:
        model = Payment
        skip_postgeneration_save = True

    class Params:
        never_sent = factory.Trait(asked_at=None)

    id = factory.LazyFunction(ids.uuid7)
    rental_id = factory.LazyFunction(ids.uuid7)
    payer_id = factory.LazyFunction(ids.uuid7)
    payee_id = factory.LazyFunction(ids.uuid7)
    item_id = factory.LazyFunction(ids.uuid7)
    amount = 8_000
    currency = "KRW"
    method = "pm_ok"
    state = PaymentState.PENDING
    refunded = factory.LazyAttribute(lambda payment: payment.amount if payment.state == PaymentState.REFUNDED else 0)
    refund_due = factory.SelfAttribute("refunded")
    created_at = factory.LazyFunction(lambda: datetime.now(UTC) - timedelta(hours=1))
    asked_at = factory.SelfAttribute("created_at")
    settled_at = factory.LazyAttribute(lambda payment: None if payment.state in UNSETTLED else payment.created_at)

    @factory.post_generation
    def booked(self: Payment, create: bool, *_: Any, **__: Any) -> None:
        if not create:
            return
        if self.state in CHARGED:
            ledger.post_charge(self, now=self.created_at)
        if self.state == PaymentState.REFUNDED:
            at = self.created_at
            refund = Refund.objects.create(
                id=ids.uuid7(), payment=self, amount=self.amount, state=RefundState.REFUNDED, created_at=at, settled_at=at
            )
            ledger.post_refund_due(refund, now=at)
            ledger.post_refunded(refund, now=at)


class RefundFactory(factory.django.DjangoModelFactory):
    """A refund of an approved payment, not sent to the provider yet."""

    class Meta:
        model = Refund
        skip_postgeneration_save = True

    id = factory.LazyFunction(ids.uuid7)
    payment = factory.SubFactory(PaymentFactory, state=PaymentState.APPROVED)
    amount = factory.SelfAttribute("payment.amount")
    state = RefundState.PENDING
    created_at = factory.LazyFunction(lambda: datetime.now(UTC))

    @factory.post_generation
    def booked(self: Refund, create: bool, *_: Any, **__: Any) -> None:
        self.payment.refund_due += self.amount
        self.payment.save(update_fields=["refund_due"])
        ledger.post_refund_due(self, now=self.created_at)
