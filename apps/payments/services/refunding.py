"""Giving the money back once: the refund is committed first, then the provider is asked with the same key until it answers."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from apps.payments import domain, queries
from apps.payments.domain import PaymentState, RefundState
from apps.payments.errors import OutcomeUnknownError, PaymentNotRefundableError, RefundRefusedError
from apps.payments.events import RefundRecorded
from apps.payments.gateways.port import RefundEntry, RefundStanding
from apps.payments.models import Refund
from apps.payments.services import asking, charging
from gdmarket import bus, ids

_UNTIL_SETTLED_S = 1.0


def record_refund(*, payment_id: UUID, now: datetime) -> Refund:
    """Write down that a payment is to be given back in full, once; the same payment again returns the refund that stands.

    :raises OutcomeUnknownError: if the payment itself is not settled yet
    :raises PaymentNotRefundableError: if nothing was charged
    :raises PaymentNotFoundError: if there is no such payment
    """
    with transaction.atomic():
        payment = queries.get_payment(payment_id=payment_id, lock=True)
        standing = payment.refunds.first()
        if standing is not None:
            return standing
        if payment.state in domain.UNSETTLED:
            raise OutcomeUnknownError(retry_after_s=_UNTIL_SETTLED_S)
        if payment.state != PaymentState.APPROVED:
            raise PaymentNotRefundableError(state=payment.state)
        refund = Refund.objects.create(id=ids.uuid7(), payment=payment, amount=payment.amount, created_at=now)
        recorded = RefundRecorded(refund_id=refund.id, payment_id=payment.id, occurred_at=now)
        bus.publish(recorded, stream=f"refund:{refund.id}")
    return refund


def send_refund(*, refund_id: UUID, now: datetime) -> Refund:
    """Ask the provider to give the money back and write down that it did; one already given back is left alone.

    Call it outside any transaction, as often as need be: the refund's id is the provider's key for it.
    :raises OutcomeUnknownError: if the provider did not say; ask again after `retry_after_s`
    :raises RefundRefusedError: if it refused
    """
    refund = queries.get_refund(refund_id=refund_id)
    if refund.state == RefundState.REFUNDED:
        return refund
    Refund.objects.filter(id=refund_id).update(attempts=F("attempts") + 1)
    intent, tries = asking.intent_of(refund.payment), refund.attempts + 1
    entry = asking.ask_again(
        lambda gateway, deadline_s: gateway.refund(intent=intent, refund_key=refund.id, amount=refund.amount, deadline_s=deadline_s),
        tries=tries,
    )
    if entry.standing is RefundStanding.PROCESSING:
        raise asking.not_yet(tries=tries)
    if entry.standing is RefundStanding.REFUSED:
        Refund.objects.filter(id=refund_id, state=RefundState.PENDING).update(reason=entry.reason[:100])
        raise RefundRefusedError(refund=str(refund_id), reason=entry.reason)
    return _record_refunded(refund_id, entry, now=now)


def _record_refunded(refund_id: UUID, entry: RefundEntry, *, now: datetime) -> Refund:
    with transaction.atomic():
        payment = queries.get_payment(payment_id=queries.get_refund(refund_id=refund_id).payment_id, lock=True)
        refund = queries.get_refund(refund_id=refund_id)
        if refund.state == RefundState.REFUNDED:
            return refund
        refund.state, refund.reason, refund.settled_at = RefundState.REFUNDED, "", now
        refund.provider_reference = entry.reference[:200]
        refund.save(update_fields=["state", "reason", "provider_reference", "settled_at"])
        payment.state, payment.refunded = PaymentState.REFUNDED, refund.amount
        payment.version += 1
        payment.save(update_fields=["state", "refunded", "version"])
        charging.publish_fact(payment, now=now)
    return refund
