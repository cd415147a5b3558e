"""Settling a payment whose outcome is not known: it is looked up, and voided if the provider never saw it."""

from datetime import datetime
from uuid import UUID

from django.db.models import F

from apps.payments import queries
from apps.payments.contracts import CASH
from apps.payments.domain import UNSETTLED, PaymentState
from apps.payments.errors import PaymentDiffersError
from apps.payments.gateways.port import ChargeRecord, ChargeStatus
from apps.payments.models import Payment
from apps.payments.services import charging
from apps.payments.services.provider_calls import GuardedGateway, not_yet
from gdmarket import failpoints


def check_payment(*, payment_id: UUID, now: datetime) -> Payment:
    """Settle a payment that is pending or unknown by what the provider says; a settled one is left alone.

    What the provider has never seen is voided first, so that "not charged" stays true whatever is still on its way.
    Call it outside any transaction, and for a pending payment only after `provider_calls.check_delay()`.
    :raises OutcomeUnknownError: if the provider did not say; retry after `retry_after_s`
    :raises PaymentDiffersError: if it charged another sum than ours
    :raises PaymentNotFoundError: if there is no such payment
    """
    payment = queries.get_payment(payment_id=payment_id)
    if payment.state not in UNSETTLED:
        return payment
    if payment.method == CASH:  # taken before the attempt was begun; the process that was to record it died
        return charging.record_outcome(payment_id=payment_id, outcome=charging.TAKEN_IN_CASH, now=now)
    if charging.claim_sending(payment_id=payment_id, now=now):
        never_sent = charging.ProviderOutcome(state=PaymentState.NOT_SENT, reason="never_sent", provider_failed=True)
        return charging.record_outcome(payment_id=payment_id, outcome=never_sent, now=now)
    record = _lookup_or_void(payment)
    failpoints.hit("payments.check.answered")
    outcome = charging.outcome_of(record, payment=payment)
    if outcome.state is PaymentState.UNKNOWN:
        raise PaymentDiffersError(payment=str(payment_id), amount=payment.amount, provider_amount=record.amount)
    return charging.record_outcome(payment_id=payment_id, outcome=outcome, now=now)


def check_after_webhook(*, payment_id: UUID, now: datetime) -> None:
    """Settle an unsettled payment by what the provider says now; if it does not say yet, the payment's timer will ask again.

    Never voids, unlike `check_payment`: a forged webhook must not stop a charge that is on its way.
    :raises OutcomeUnknownError: if the provider did not answer; retry after `retry_after_s`
    """
    payment = queries.get_payment(payment_id=payment_id)
    if payment.state not in UNSETTLED or payment.asked_at is None or payment.method == CASH:
        return
    record = GuardedGateway(tries=1).lookup(request=queries.charge_request(payment=payment))
    outcome = charging.outcome_of(record, payment=payment)
    if outcome.state is not PaymentState.UNKNOWN:
        charging.record_outcome(payment_id=payment_id, outcome=outcome, now=now)


def _lookup_or_void(payment: Payment) -> ChargeRecord:
    Payment.objects.filter(id=payment.id).update(checks=F("checks") + 1)
    tries = payment.checks + 1
    gateway, request = GuardedGateway(tries=tries), queries.charge_request(payment=payment)
    record = gateway.lookup(request=request)
    if record.status is ChargeStatus.NOT_FOUND:
        failpoints.hit("payments.check.not_found")
        record = gateway.void(request=request)
    if record.status is ChargeStatus.PROCESSING:
        raise not_yet(tries=tries)
    return record
