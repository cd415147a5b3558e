"""Reading payments and refunds."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from apps.payments.domain import HOLDING, UNSETTLED
from apps.payments.errors import PaymentNotFoundError
from apps.payments.models import Payment, Refund


def get_payment(*, payment_id: UUID, lock: bool = False) -> Payment:
    """Return the payment, its row locked until the end of the transaction if `lock`.

    :raises PaymentNotFoundError: if there is none
    """
    payments = Payment.objects.select_for_update(no_key=True) if lock else Payment.objects.all()
    try:
        return payments.get(id=payment_id)
    except Payment.DoesNotExist as missing:
        raise PaymentNotFoundError(payment=str(payment_id)) from missing


def list_settled(*, rental_ids: Collection[UUID]) -> QuerySet[Payment]:
    """List the attempts to pay these rentals whose outcome is known."""
    return Payment.objects.filter(rental_id__in=rental_ids).exclude(state__in=UNSETTLED)


def public(*, payment: Payment) -> dict[str, Any]:
    """Return what payments tells of a payment in its facts and snapshots; `amount` and `refunded` in minor units of `currency`."""
    return {
        "payment_id": payment.id,
        "rental_id": payment.rental_id,
        "payer_id": payment.payer_id,
        "amount": payment.amount,
        "refunded": payment.refunded,
        "currency": payment.currency,
        "state": payment.state,
        "reason": payment.reason,
        "version": payment.version,
    }


def get_refund(*, refund_id: UUID) -> Refund:
    """Return the refund.

    :raises PaymentNotFoundError: if there is none
    """
    try:
        return Refund.objects.get(id=refund_id)
    except Refund.DoesNotExist as missing:
        raise PaymentNotFoundError(refund=str(refund_id)) from missing


def has_holding_payment(*, rental_id: UUID) -> bool:
    """Say whether some attempt for the rental is open or holds its money."""
    return Payment.objects.filter(rental_id=rental_id, state__in=HOLDING).exists()
