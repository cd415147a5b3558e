"""Refunding: the refund is committed first, then requested from the provider with the same key until it answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F

from apps.payments import domain, queries
from apps.payments.contracts import CASH
from apps.payments.domain import PaymentState, RefundState
from apps.payments.errors import (
    OutcomeUnknownError,
    PaymentNotRefundableError,
    RefundReasonRequiredError,
    RefundRefusedError,
    RefundReusedError,
    RefundTooLargeError,
)
from apps.payments.events import FullRefundRecorded, PaymentPartlyRefunded, PaymentRefunded, RefundRecorded
from apps.payments.gateways.port import ChargeStatus, RefundStatus
from apps.payments.models import Payment, Refund
from apps.payments.services import charging, ledger
from apps.payments.services.provider_calls import GuardedGateway, not_yet
from gdmarket import bus, databases, failpoints, ids
from gdmarket.text import shows_something

_UNTIL_SETTLED_S = 1.0
_OPERATOR = "operator"


def record_refund(*, payment_id: UUID, now: datetime) -> Refund:
    """Record a refund of all that is left of a payment; called again, it changes nothing and returns the last refund.

    :raises OutcomeUnknownError: if the payment itself is not settled yet
    :raises PaymentNotRefundableError: if nothing was charged
    :raises PaymentNotFoundError: if there is no such payment
    """
    with databases.transaction_for("payments"):
        payment = _refundable(payment_id)
        left = payment.amount - payment.refund_due
        standing = payment.refunds.order_by("-created_at", "-id").first()
        if left == 0 and standing is not None:
            return standing
        return _record(payment, refund_id=ids.uuid7(), amount=left, now=now)


def refund_payment(
    *, refund_id: UUID, payment_id: UUID, amount: int | None = None, reason: str, by: UUID, now: datetime, dry_run: bool = False
) -> Refund:
    """Record that an operator gives back `amount` minor units of a payment, or all that is left, once for ever under `refund_id`.

    A rental that is paid and was not handed over is not handed over from then on if nothing is left, and cancelled once all of it is back.
    With `dry_run` everything is checked and nothing kept.
    :raises RefundReasonRequiredError: without a reason
    :raises RefundTooLargeError: if so much is not left
    :raises RefundReusedError: if the id names another payment, sum, reason or operator
    :raises OutcomeUnknownError, PaymentNotRefundableError, PaymentNotFoundError: as `record_refund` does
    """
    if not shows_something(text=reason):
        raise RefundReasonRequiredError
    stated = {"stated_reason": reason, "refunded_by_id": by}
    try:
        return _record_some(refund_id, payment_id, amount, now=now, dry_run=dry_run, **stated)
    except IntegrityError as taken:  # by a concurrent refund of another payment
        raise RefundReusedError(refund=str(refund_id)) from taken


def _record_some(refund_id: UUID, payment_id: UUID, wanted: int | None, *, now: datetime, dry_run: bool, **stated: Any) -> Refund:
    with databases.transaction_for("payments", savepoint=True):
        payment = _refundable(payment_id)
        standing = Refund.objects.filter(id=refund_id).first()
        if standing is not None:
            _check_repeated(standing, payment=payment, wanted=wanted, stated=stated)
            return standing
        left = payment.amount - payment.refund_due
        amount = left if wanted is None else wanted
        if not 0 < amount <= left:
            raise RefundTooLargeError(amount=amount, left=left)
        refund = _record(payment, refund_id=refund_id, amount=amount, now=now, **stated)
        if dry_run:
            transaction.set_rollback(True, using=databases.alias_for("payments"))
    return refund


def _check_repeated(standing: Refund, *, payment: Payment, wanted: int | None, stated: Mapping[str, Any]) -> None:
    """Refuse another command than the one that recorded the `standing` refund.

    :raises RefundReusedError: then
    """
    is_same = standing.payment_id == payment.id and all(getattr(standing, name) == value for name, value in stated.items())
    if is_same and wanted is None:  # it was of all that was left if nothing was left for another after it
        last = payment.refunds.order_by("-created_at", "-id").first()
        is_same = payment.refund_due == payment.amount and last == standing
    elif is_same:
        is_same = standing.amount == wanted
    if not is_same:
        raise RefundReusedError(refund=str(standing.id))


def send_refund(*, refund_id: UUID, now: datetime) -> Refund:
    """Request a refund from the provider and record that it was made; one already made is left alone.

    Cash is given back by the item's manager, at the desk: that is recorded, and no provider is called.

    Call it outside any transaction, as often as needed: the refund's id is the provider's idempotency key.
    :raises OutcomeUnknownError: if the provider did not say; retry after `retry_after_s`
    :raises RefundRefusedError: if it refused
    """
    refund = queries.get_refund(refund_id=refund_id)
    if refund.state == RefundState.REFUNDED:
        return refund
    if refund.payment.method == CASH:
        return _record_refunded(refund_id, "", payment_id=refund.payment_id, now=now)
    Refund.objects.filter(id=refund_id).update(attempts=F("attempts") + 1)
    request, tries = queries.charge_request(payment=refund.payment), refund.attempts + 1
    gateway = GuardedGateway(tries=tries)
    failpoints.hit("payments.refund.unsent")
    record = gateway.refund(request=request, refund_key=refund.id, amount=refund.amount)
    failpoints.hit("payments.refund.answered")
    if record.status is RefundStatus.PROCESSING:
        raise not_yet(tries=tries)
    if record.status is RefundStatus.REFUSED:
        charge = gateway.lookup(request=request)
        # Refunded in full at the provider by somebody else: the renter has all that was due.
        if charge.status is not ChargeStatus.CHARGED or (charge.amount, charge.refunded) != (request.amount, request.amount):
            reason = domain.as_reason(text=record.reason)
            Refund.objects.filter(id=refund_id, state=RefundState.PENDING).update(reason=reason)
            raise RefundRefusedError(refund=str(refund_id), reason=reason)
    return _record_refunded(refund_id, record.reference, payment_id=refund.payment_id, now=now)


def _refundable(payment_id: UUID) -> Payment:
    payment = queries.get_payment(payment_id=payment_id, lock=True)
    if payment.state in domain.UNSETTLED:
        raise OutcomeUnknownError(retry_after_s=_UNTIL_SETTLED_S)
    if payment.state not in domain.CHARGED:
        raise PaymentNotRefundableError(state=payment.state)
    return payment


def _record(payment: Payment, *, refund_id: UUID, amount: int, now: datetime, **stated: Any) -> Refund:
    refund = Refund.objects.create(id=refund_id, payment=payment, amount=amount, created_at=now, **stated)
    payment.refund_due += amount
    payment.save(update_fields=["refund_due"])
    ledger.post_refund_due(refund, now=now)
    recorded = RefundRecorded(refund_id=refund.id, payment_id=payment.id, occurred_at=now)
    bus.publish(recorded, stream=f"refund:{refund.id}")
    if refund.refunded_by_id and payment.refund_due == payment.amount:
        full = FullRefundRecorded(
            payment_id=payment.id,
            rental_id=payment.rental_id,
            stated_by=_OPERATOR,
            stated_reason=refund.stated_reason or "",
            occurred_at=now,
        )
        bus.publish(full, stream=f"payment:{payment.id}")  # after what told that it was paid
    return refund


def _record_refunded(refund_id: UUID, reference: str, *, payment_id: UUID, now: datetime) -> Refund:
    with databases.transaction_for("payments"):
        payment = queries.get_payment(payment_id=payment_id, lock=True)
        refund = queries.get_refund(refund_id=refund_id)
        refund.payment = payment
        if refund.state == RefundState.REFUNDED:
            return refund
        ledger.post_missing_locked(payment, now=now)
        refund.state, refund.reason, refund.settled_at = RefundState.REFUNDED, "", now
        refund.provider_reference = domain.as_reference(text=reference)
        refund.save(update_fields=["state", "reason", "provider_reference", "settled_at"])
        payment.refunded += refund.amount
        payment.version += 1
        if payment.refunded == payment.amount:
            payment.state = PaymentState.REFUNDED
        payment.save(update_fields=["state", "refunded", "version"])
        ledger.post_refunded(refund, now=now)
        fact = PaymentRefunded if payment.state == PaymentState.REFUNDED else PaymentPartlyRefunded
        stated = {"stated_by": _OPERATOR, "stated_reason": refund.stated_reason} if refund.refunded_by_id else {}
        charging.publish_fact(payment, fact, now=now, refund_amount=refund.amount, **stated)
    return refund
