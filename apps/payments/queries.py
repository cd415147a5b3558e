"""Reading payments and refunds."""

from uuid import UUID

from apps.payments.domain import HOLDING
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
