"""What payments does when something happened: one service call each."""

from uuid import UUID

from apps.payments import services
from apps.payments.errors import OutcomeUnknownError, PaymentDiffersError, PaymentNotRefundableError, RefundRefusedError
from apps.payments.events import PaymentCheckDue, PaymentNoticed, RefundRecorded
from apps.rentals.events import RentalPaymentStarted, RentalRefundDue
from gdmarket import bus, clock


def on_rental_payment_started(event: RentalPaymentStarted) -> None:
    """Write the attempt and its timer down, so that it is settled even if whoever was to charge it dies first."""
    services.open_payment(
        payment_id=_payment_named_by(event),
        rental_id=event.rental_id,
        payer_id=event.renter_id,
        payee_id=event.manager_id,
        amount=event.price,
        currency=event.currency,
        method=event.method,
        now=event.occurred_at,
    )


def on_rental_refund_due(event: RentalRefundDue) -> None:
    """Record the refund; it is sent from its own event."""
    try:
        services.record_refund(payment_id=_payment_named_by(event), now=clock.now())
    except OutcomeUnknownError as not_yet:
        raise bus.Retry(after_s=not_yet.retry_after_s) from not_yet
    except PaymentNotRefundableError as refusal:
        raise bus.Reject(str(refusal)) from refusal


@bus.external
def on_refund_recorded(event: RefundRecorded) -> None:
    """Ask the provider for the refund until it answers."""
    try:
        services.send_refund(refund_id=event.refund_id, now=clock.now())
    except OutcomeUnknownError as silence:
        raise bus.Retry(after_s=silence.retry_after_s) from silence
    except RefundRefusedError as refusal:
        raise bus.Reject(str(refusal)) from refusal


@bus.external
def on_payment_check_due(event: PaymentCheckDue) -> None:
    """Find out what became of the payment, until it is known."""
    try:
        services.check_payment(payment_id=event.payment_id, now=clock.now())
    except OutcomeUnknownError as silence:
        raise bus.Retry(after_s=silence.retry_after_s) from silence
    except PaymentDiffersError as difference:
        raise bus.Reject(str(difference)) from difference


@bus.external
def on_payment_noticed(event: PaymentNoticed) -> None:
    """Ask the provider what its notice was about."""
    try:
        services.check_after_webhook(payment_id=event.payment_id, now=clock.now())
    except OutcomeUnknownError as silence:
        raise bus.Retry(after_s=silence.retry_after_s) from silence


def _payment_named_by(event: RentalPaymentStarted | RentalRefundDue) -> UUID:
    if event.payment_id is None:
        raise bus.Reject("the event names no payment")
    return event.payment_id
