"""What payments does on an event: one service call each."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from apps.payments.contracts import ChargeRequest
from apps.payments.errors import OutcomeUnknownError, PaymentDiffersError, PaymentNotRefundableError, RefundRefusedError
from apps.payments.events import PaymentCheckDue, PaymentNoticed, RefundRecorded
from apps.payments.services import charging, checking, refunding
from apps.rentals.events import RentalPaymentStarted, RentalRefundDue
from gdmarket import bus, clock
from gdmarket.errors import ConflictError


def on_rental_payment_started(event: RentalPaymentStarted) -> None:
    """Record the attempt and its timer, so that it is settled even if the process that was to charge it dies first."""
    request = ChargeRequest(
        payment_id=_payment_named_by(event),
        rental_id=event.rental_id,
        payer_id=event.renter_id,
        payee_id=event.manager_id,
        item_id=event.item_id,
        amount=event.price,
        currency=event.currency,
        method=event.method,
    )
    charging.open_payment(request=request, now=event.occurred_at)


def on_rental_refund_due(event: RentalRefundDue) -> None:
    """Record the refund; it is sent from its own event."""
    with _retry_until_known(reject=PaymentNotRefundableError):
        refunding.record_refund(payment_id=_payment_named_by(event), now=clock.now())


@bus.external
def on_refund_recorded(event: RefundRecorded) -> None:
    """Request the refund from the provider until it answers."""
    with _retry_until_known(reject=RefundRefusedError):
        refunding.send_refund(refund_id=event.refund_id, now=clock.now())


@bus.external
def on_payment_check_due(event: PaymentCheckDue) -> None:
    """Look the payment up until its outcome is known."""
    with _retry_until_known(reject=PaymentDiffersError):
        checking.check_payment(payment_id=event.payment_id, now=clock.now())


@bus.external
def on_payment_noticed(event: PaymentNoticed) -> None:
    """Look up the payment that a webhook named."""
    with _retry_until_known():
        checking.check_after_webhook(payment_id=event.payment_id, now=clock.now())


@contextmanager
def _retry_until_known(*, reject: type[ConflictError] | tuple[()] = ()) -> Iterator[None]:
    try:
        yield
    except OutcomeUnknownError as unknown:
        raise bus.Retry(after_s=unknown.retry_after_s) from unknown
    except reject as refusal:
        raise bus.Reject(str(refusal)) from refusal


def _payment_named_by(event: RentalPaymentStarted | RentalRefundDue) -> UUID:
    if event.payment_id is None:
        raise bus.Reject("the event names no payment")
    return event.payment_id
