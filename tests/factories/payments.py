"""Payments and refunds, as rows."""

from datetime import UTC, datetime, timedelta

import factory

from apps.payments.domain import UNSETTLED, PaymentState, RefundState
from apps.payments.models import Payment, Refund
from gdmarket import ids


class PaymentFactory(factory.django.DjangoModelFactory):
    """An attempt to pay a day of drilling, opened an hour ago and sent to the provider; `PaymentFactory(state=…)` for how it stands."""

    class Meta:
        model = Payment

    class Params:
        never_sent = factory.Trait(asked_at=None)

    id = factory.LazyFunction(ids.uuid7)
    rental_id = factory.LazyFunction(ids.uuid7)
    payer_id = factory.LazyFunction(ids.uuid7)
    amount = 8_000
    currency = "KRW"
    method = "pm_ok"
    state = PaymentState.PENDING
    refunded = factory.LazyAttribute(lambda payment: payment.amount if payment.state == PaymentState.REFUNDED else 0)
    created_at = factory.LazyFunction(lambda: datetime.now(UTC) - timedelta(hours=1))
    asked_at = factory.SelfAttribute("created_at")
    settled_at = factory.LazyAttribute(lambda payment: None if payment.state in UNSETTLED else payment.created_at)


class RefundFactory(factory.django.DjangoModelFactory):
    """A refund of an approved payment that the provider was not asked for yet."""

    class Meta:
        model = Refund

    id = factory.LazyFunction(ids.uuid7)
    payment = factory.SubFactory(PaymentFactory, state=PaymentState.APPROVED)
    amount = factory.SelfAttribute("payment.amount")
    state = RefundState.PENDING
    created_at = factory.LazyFunction(lambda: datetime.now(UTC))
