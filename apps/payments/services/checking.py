"""Finding out what became of a payment whose outcome is not known: it is looked up, or made sure that it never happens."""

from datetime import datetime
from uuid import UUID

from django.db.models import F

from apps.payments import queries
from apps.payments.domain import UNSETTLED, PaymentState
from apps.payments.errors import PaymentDiffersError
from apps.payments.gateways.port import ChargeRecord, ChargeStatus
from apps.payments.models import Payment
from apps.payments.services import charging, provider_calls
from gdmarket import failpoints


def check_payment(*, payment_id: UUID, now: datetime) -> Payment:
    """Settle a payment that is pending or unknown by what the provider says; a settled one is left alone.

    What the provider has never seen is voided first, so that "not charged" stays true whatever is still on its way.
    Call it outside any transaction, and for a pending payment only after `provider_calls.check_delay()`.
    :raises OutcomeUnknownError: if the provider did not say; ask again after `retry_after_s`
    :raises PaymentDiffersError: if it charged another sum than ours
    :raises PaymentNotFoundError: if there is no such payment
    """
    payment = queries.get_payment(payment_id=payment_id)
    if payment.state not in UNSETTLED:
        return payment
    if charging.claim_sending(payment_id=payment_id, now=now):
        never_sent = charging.Outcome(state=PaymentState.NOT_SENT, reason="never_sent")
        return charging.record_outcome(payment_id=payment_id, outcome=never_sent, now=now)
    record = _ask_what_happened(payment)
    failpoints.hit("payments.check.answered")
    outcome = charging.outcome_of(record, payment=payment)
    if outcome.state is PaymentState.UNKNOWN:
        raise PaymentDiffersError(payment=str(payment_id), amount=payment.amount, provider_amount=record.amount)
    return charging.record_outcome(payment_id=payment_id, outcome=outcome, now=now)


def check_after_webhook(*, payment_id: UUID, now: datetime) -> None:
    """Settle a payment that is being waited for by what the provider says now; where it does not say yet, leave it to its timer.

    Never voids, unlike `check_payment`: whoever may have forged the notice must not stop a charge on its way.
    :raises OutcomeUnknownError: if the provider did not answer; ask again after `retry_after_s`
    """
    payment = queries.get_payment(payment_id=payment_id)
    if payment.state not in UNSETTLED or payment.asked_at is None:
        return
    request = provider_calls.request_of(payment)
    record = provider_calls.ask_again(lambda gateway, deadline_s: gateway.lookup(request=request, deadline_s=deadline_s), tries=1)
    outcome = charging.outcome_of(record, payment=payment)
    if outcome.state is not PaymentState.UNKNOWN:
        charging.record_outcome(payment_id=payment_id, outcome=outcome, now=now)


def _ask_what_happened(payment: Payment) -> ChargeRecord:
    Payment.objects.filter(id=payment.id).update(checks=F("checks") + 1)
    tries = payment.checks + 1
    request = provider_calls.request_of(payment)
    record = provider_calls.ask_again(lambda gateway, deadline_s: gateway.lookup(request=request, deadline_s=deadline_s), tries=tries)
    if record.status is ChargeStatus.NOT_FOUND:
        failpoints.hit("payments.check.not_found")
        record = provider_calls.ask_again(lambda gateway, deadline_s: gateway.void(request=request, deadline_s=deadline_s), tries=tries)
    if record.status is ChargeStatus.PROCESSING:
        raise provider_calls.not_yet(tries=tries)
    return record
