"""Taking the money once: the attempt is committed, one caller alone sends it, and what came of it is written down."""

import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError

from apps.payments import domain, gateways, queries
from apps.payments.domain import PaymentState
from apps.payments.errors import PaymentInProgressError, PaymentReusedError
from apps.payments.events import PaymentApproved, PaymentCheckDue, PaymentDeclined, PaymentPartlyRefunded, PaymentRefunded
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError, NotSentError, RefusedError
from apps.payments.models import Payment
from apps.payments.services import ledger, provider_calls
from gdmarket import breaker, bus, databases, failpoints

_log = logging.getLogger(__name__)

PaymentFact = PaymentApproved | PaymentDeclined | PaymentPartlyRefunded | PaymentRefunded

_FACTS: dict[PaymentState, type[PaymentFact]] = {
    PaymentState.APPROVED: PaymentApproved,
    PaymentState.DECLINED: PaymentDeclined,
    PaymentState.NOT_SENT: PaymentDeclined,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of asking; `retry_after_s` only where the provider surely was not reached."""

    state: PaymentState
    reason: str = ""
    reference: str = ""
    retry_after_s: float | None = None


def open_payment(
    *, payment_id: UUID, rental_id: UUID, payer_id: UUID, payee_id: UUID, amount: int, currency: str, method: str, now: datetime
) -> Payment:
    """Write down an attempt to pay, pending, with the timer that finds out what became of it; the same id again changes nothing.

    :raises PaymentReusedError: if the id names another rental, payer, payee or sum
    :raises PaymentInProgressError: if another attempt for the rental is open or holds its money
    """
    wanted = {"rental_id": rental_id, "payer_id": payer_id, "payee_id": payee_id, "amount": amount, "currency": currency}
    try:
        with databases.transaction_for("payments"):
            payment, is_new = Payment.objects.get_or_create(id=payment_id, defaults=wanted | {"method": method, "created_at": now})
            if is_new:
                due = PaymentCheckDue(payment_id=payment_id, occurred_at=now)
                bus.publish(due, stream=f"payment-timer:{payment_id}", at=now + provider_calls.check_delay())
    except IntegrityError as taken:
        # Where the other attempt stands by now does not matter: it was in the way when this one was begun.
        if not queries.has_other_attempt(rental_id=rental_id, payment_id=payment_id):
            raise
        raise PaymentInProgressError(rental=str(rental_id)) from taken
    if any(getattr(payment, name) not in {value, None} for name, value in wanted.items()):
        raise PaymentReusedError(payment=str(payment_id))
    if payment.payee_id is None:  # a process of the version before, which knew no payees, wrote it down
        payment.payee_id = payee_id
        payment.save(update_fields=["payee_id"])
    return payment


def charge_payment(
    *, payment_id: UUID, rental_id: UUID, payer_id: UUID, payee_id: UUID, amount: int, currency: str, method: str, now: datetime
) -> tuple[Payment, float | None]:
    """Collect the money once for ever under `payment_id`; return the payment and when a new attempt makes sense, if known.

    Raises as `open_payment` does, and InsideTransactionError.
    """
    provider_calls.refuse_inside_transaction()
    payment = open_payment(
        payment_id=payment_id,
        rental_id=rental_id,
        payer_id=payer_id,
        payee_id=payee_id,
        amount=amount,
        currency=currency,
        method=method,
        now=now,
    )
    failpoints.hit("payments.charge.opened")
    if not claim_sending(payment_id=payment_id, now=now):
        return queries.get_payment(payment_id=payment_id), None
    failpoints.hit("payments.charge.unsent")
    outcome = _send(payment)
    failpoints.hit("payments.charge.answered")
    payment = record_outcome(payment_id=payment_id, outcome=outcome, now=now)
    failpoints.hit("payments.charge.recorded")
    return payment, outcome.retry_after_s


def claim_sending(*, payment_id: UUID, now: datetime) -> bool:
    """Claim, for ever, to be the one that sends this charge; False if another did.

    As nobody else ever sends it, the claimant's "not sent" is certain; a claimant that dies leaves it to the lookup.
    """
    return Payment.objects.filter(id=payment_id, state=PaymentState.PENDING, asked_at=None).update(asked_at=now) == 1


def record_outcome(*, payment_id: UUID, outcome: Outcome, now: datetime) -> Payment:
    """Write down what came of an attempt, book and publish it if it is settled; a late answer never changes a settled payment.

    A charge that pays for another attempt already buys nothing here: to this one the provider's word is a decline.
    """
    try:
        return _record(payment_id, outcome, now=now)
    except IntegrityError:
        if outcome.state is not PaymentState.APPROVED or not queries.is_taken(reference=outcome.reference, payment_id=payment_id):
            raise
    return _record(payment_id, Outcome(state=PaymentState.DECLINED, reason="paid_for_another"), now=now)


def _record(payment_id: UUID, outcome: Outcome, *, now: datetime) -> Payment:
    with databases.transaction_for("payments"):
        payment = queries.get_payment(payment_id=payment_id, lock=True)
        if not domain.may_become(state=payment.state, wanted=outcome.state):
            _report_late(payment, outcome)
            return payment
        payment.state = outcome.state
        payment.reason = domain.as_reason(told=outcome.reason)
        payment.provider_reference = domain.as_reference(told=outcome.reference)
        payment.settled_at = None if outcome.state in domain.UNSETTLED else now
        payment.version += 1
        payment.save(update_fields=["state", "reason", "provider_reference", "settled_at", "version"])
        if outcome.state is PaymentState.APPROVED:
            ledger.post_charge(payment, now=now)
        if outcome.state in _FACTS:
            publish_fact(payment, _FACTS[outcome.state], now=now)
    return payment


def publish_fact(payment: Payment, fact: type[PaymentFact], *, now: datetime) -> None:
    """Publish the payment as it now stands, inside the transaction that changed it."""
    bus.publish(fact(**queries.public(payment=payment), occurred_at=now), stream=f"payment:{payment.id}")


def outcome_of(record: ChargeRecord, *, payment: Payment) -> Outcome:
    """Return what the provider's record means for an unsettled payment.

    A charge of another sum, or of which a part went back already, and no certain record, mean unknown; one given back in full buys
    nothing.
    """
    match record.status:
        case ChargeStatus.CHARGED if (record.amount, record.currency, record.refunded) == (payment.amount, payment.currency, 0):
            return Outcome(state=PaymentState.APPROVED, reference=record.reference)
        case ChargeStatus.CHARGED if record.refunded == record.amount:
            return Outcome(state=PaymentState.DECLINED, reason="given_back", reference=record.reference)
        case ChargeStatus.CHARGED:
            return Outcome(state=PaymentState.UNKNOWN, reason="provider_differs", reference=record.reference)
        case ChargeStatus.DECLINED:
            return Outcome(state=PaymentState.DECLINED, reason=record.reason, reference=record.reference)
        case ChargeStatus.VOIDED:
            return Outcome(state=PaymentState.NOT_SENT, reason="voided")
        case ChargeStatus.NOT_FOUND | ChargeStatus.PROCESSING:
            return Outcome(state=PaymentState.UNKNOWN, reason=record.status)


def _send(payment: Payment) -> Outcome:
    request = provider_calls.request_of(payment)
    unasked = gateways.current().preflight_decline(request=request)
    if unasked is not None:  # the breaker has nothing to learn from it
        return outcome_of(unasked, payment=payment)
    try:
        record = provider_calls.ask(lambda gateway, deadline_s: gateway.charge(request=request, deadline_s=deadline_s), charges=True)
    except breaker.OpenError as refusal:
        return Outcome(state=PaymentState.NOT_SENT, reason=refusal.code, retry_after_s=refusal.retry_after_s)
    except (NotSentError, RefusedError) as failure:
        return Outcome(state=PaymentState.NOT_SENT, reason=failure.reason, retry_after_s=failure.retry_after_s)
    except NoAnswerError as silence:
        return Outcome(state=PaymentState.UNKNOWN, reason=silence.reason)
    return outcome_of(record, payment=payment)


def _report_late(payment: Payment, outcome: Outcome) -> None:
    if outcome.state is PaymentState.APPROVED and payment.state in {PaymentState.DECLINED, PaymentState.NOT_SENT}:
        _log.critical("payment %s is settled as %s, yet the provider says it charged: run reconcile_payments", payment.id, payment.state)
