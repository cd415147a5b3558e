"""Charging once: the attempt is committed, one caller alone sends it, and its outcome is recorded."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.db.models import UUIDField

from apps.payments import domain, gateways, queries
from apps.payments.contracts import CASH, ChargeRequest
from apps.payments.domain import PaymentState
from apps.payments.errors import PaymentInProgressError, PaymentReusedError
from apps.payments.events import (
    PaymentApproved,
    PaymentCheckDue,
    PaymentDeclined,
    PaymentNotSent,
    PaymentPartlyRefunded,
    PaymentRefunded,
)
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError, NotSentError, RefusedError
from apps.payments.models import Payment
from apps.payments.services import ledger
from apps.payments.services.provider_calls import GuardedGateway, check_delay, refuse_inside_transaction
from gdmarket import breaker, bus, contracts, databases, failpoints
from gdmarket.prepared import Param
from gdmarket.prepared_writes import PreparedInsert, PreparedUpdate

_log = logging.getLogger(__name__)

PaymentFact = PaymentApproved | PaymentDeclined | PaymentNotSent | PaymentPartlyRefunded | PaymentRefunded

_FACTS: dict[PaymentState, type[PaymentFact]] = {
    PaymentState.APPROVED: PaymentApproved,
    PaymentState.DECLINED: PaymentDeclined,
    PaymentState.NOT_SENT: PaymentNotSent,
}
_IDENTITY = ("rental_id", "payer_id", "payee_id", "amount", "currency")
_OUTCOME = ("state", "reason", "provider_reference", "provider_failed", "settled_at", "version")
_BY_ID = Payment.objects.filter(id=Param("payment_id", UUIDField()))
_INSERT = PreparedInsert(Payment, unless_taken=True)
_CLAIM = PreparedUpdate(_BY_ID.filter(state=PaymentState.PENDING, asked_at=None), "asked_at")
_RECORD = PreparedUpdate(_BY_ID, *_OUTCOME)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderOutcome:
    """What the provider's answer, or its lack, makes of a payment; `retry_after_s` only where the provider surely was not reached.

    `provider_failed`: it was not reached because of a failure of its own, which is no fault of the renter's.
    """

    state: PaymentState
    reason: str = ""
    reference: str = ""
    retry_after_s: float | None = None
    provider_failed: bool = False


TAKEN_IN_CASH = ProviderOutcome(state=PaymentState.APPROVED)


def charge_payment(*, request: ChargeRequest, superseded_event: type | None = None, now: datetime) -> tuple[Payment, float | None]:
    """Collect the money, once for ever; return the payment, and in how many seconds a new attempt makes sense, if that is known.

    Cash was collected already, by the item's manager: that is recorded, and nobody is asked.
    The delivery of the event `superseded_event`, which would open the payment, is superseded as it is opened.
    :raises InsideTransactionError: if called inside a database transaction
    :raises PaymentReusedError, PaymentInProgressError: as `open_payment` does
    """
    refuse_inside_transaction()
    payment, may_send = _open(request, claim=True, superseded_event=superseded_event, now=now)
    if not may_send:
        return queries.get_payment(payment_id=payment.id), None
    failpoints.hit("payments.charge.unsent")
    outcome = _send(payment)
    failpoints.hit("payments.charge.answered")
    payment = record_outcome(payment_id=payment.id, outcome=outcome, now=now)
    failpoints.hit("payments.charge.recorded")
    return payment, outcome.retry_after_s


def open_payment(*, request: ChargeRequest, now: datetime) -> Payment:
    """Record an attempt to pay, pending, with the timer that looks up its outcome; the same id again changes nothing.

    :raises PaymentReusedError: if the id names another rental, payer, payee or sum
    :raises PaymentInProgressError: if another attempt for the rental is open or holds its money
    """
    return _open(request, claim=False, now=now)[0]


def claim_sending(*, payment_id: UUID, now: datetime) -> bool:
    """Claim, for ever, to be the one caller that sends this charge; False if another is.

    As nobody else ever sends it, the claimant's "not sent" is certain; a claimant that dies leaves it to the lookup.
    """
    return _CLAIM.run(payment_id=payment_id, asked_at=now) == 1


def _open(request: ChargeRequest, *, claim: bool, superseded_event: type | None = None, now: datetime) -> tuple[Payment, bool]:
    """Do as `open_payment` does, and with `claim` claim to send the charge; return the payment, and whether that was claimed."""
    wanted = {name: getattr(request, name) for name in _IDENTITY}
    with databases.transaction_for("payments"):
        new = Payment(
            id=request.payment_id,
            **wanted,
            item_id=request.item_id,
            method=request.method,
            created_at=now,
            asked_at=now if claim else None,
        )
        if _INSERT.run(new):
            due = PaymentCheckDue(payment_id=new.id, occurred_at=now)
            bus.publish(due, stream=f"payment-timer:{new.id}", at=now + check_delay())
            if superseded_event is not None:
                # It may be an earlier attempt's, which a worker held when that was opened. That one is settled: none begins before.
                bus.supersede(superseded_event, subscriber="payments", stream=f"rental:{request.rental_id}")
            failpoints.hit("payments.charge.opened")
            return new, claim
        payment = queries.find_payment(payment_id=request.payment_id)
        if payment is None:
            # The other attempt was in the way when this one began; how it stands by now does not matter.
            raise PaymentInProgressError(rental=str(request.rental_id))
        if any(getattr(payment, name) not in {value, None} for name, value in wanted.items()):
            raise PaymentReusedError(payment=str(payment.id))
        # Recorded by a process of an older version, which knew no payees, or no items.
        unknown = [name for name in ("payee_id", "item_id") if getattr(payment, name) is None and getattr(request, name) is not None]
        if unknown:
            for name in unknown:
                setattr(payment, name, getattr(request, name))
            payment.save(update_fields=unknown)
        return payment, claim and claim_sending(payment_id=payment.id, now=now)


def record_items(*, items: Mapping[UUID, UUID]) -> int:
    """Record for these rentals what they are of, where their payments lack it; return of how many payments."""
    payments = Payment.objects.filter(item_id=None)
    rentals: dict[UUID, list[UUID]] = {}
    for rental_id, item_id in items.items():
        rentals.setdefault(item_id, []).append(rental_id)
    return sum(payments.filter(rental_id__in=rental_ids).update(item_id=item_id) for item_id, rental_ids in rentals.items())


def record_outcome(*, payment_id: UUID, outcome: ProviderOutcome, now: datetime) -> Payment:
    """Record what came of an attempt, with its ledger postings and its event if it is settled; a settled payment never changes.

    A charge that pays for another attempt already pays for nothing here: this attempt is declined.
    """
    try:
        return _record(payment_id, outcome, now=now)
    except IntegrityError:
        same_charge = Payment.objects.filter(provider_reference=outcome.reference, state__in=domain.CHARGED).exclude(id=payment_id)
        if outcome.state is not PaymentState.APPROVED or not same_charge.exists():
            raise
    return _record(payment_id, ProviderOutcome(state=PaymentState.DECLINED, reason="paid_for_another"), now=now)


def _record(payment_id: UUID, outcome: ProviderOutcome, *, now: datetime) -> Payment:
    with databases.transaction_for("payments", savepoint=True):
        payment = queries.get_payment(payment_id=payment_id, lock=True)
        if not domain.may_become(state=payment.state, wanted=outcome.state):
            if outcome.state is PaymentState.APPROVED and payment.state in {PaymentState.DECLINED, PaymentState.NOT_SENT}:
                _log.critical("payment %s is settled as %s but the provider charged it: run reconcile_payments", payment.id, payment.state)
            return payment
        payment.state = outcome.state
        payment.reason = domain.as_reason(text=outcome.reason)
        payment.provider_reference = domain.as_reference(text=outcome.reference)
        payment.provider_failed = outcome.provider_failed
        payment.settled_at = None if outcome.state in domain.UNSETTLED else now
        payment.version += 1
        _RECORD.run(payment_id=payment.id, **{name: getattr(payment, name) for name in _OUTCOME})
        if outcome.state is PaymentState.APPROVED:
            ledger.post_charge(payment, now=now)
        if outcome.state in _FACTS:
            publish_fact(payment, _FACTS[outcome.state], now=now)
    return payment


def publish_fact(payment: Payment, fact: type[PaymentFact], *, now: datetime, **particulars: Any) -> None:
    """Publish the payment as it now stands, with what the fact adds, inside the transaction that changed it."""
    bus.publish(contracts.build(fact, payment, payment_id=payment.id, occurred_at=now, **particulars), stream=f"payment:{payment.id}")


def outcome_of(record: ChargeRecord, *, payment: Payment) -> ProviderOutcome:
    """Return what the provider's record means for an unsettled payment.

    A charge of another sum, or one already refunded in part, is unknown; one already refunded in full pays for nothing.
    """
    match record.status:
        case ChargeStatus.CHARGED if (record.amount, record.currency, record.refunded) == (payment.amount, payment.currency, 0):
            return ProviderOutcome(state=PaymentState.APPROVED, reference=record.reference)
        case ChargeStatus.CHARGED if record.refunded == record.amount:
            return ProviderOutcome(state=PaymentState.DECLINED, reason="given_back", reference=record.reference)
        case ChargeStatus.CHARGED:
            return ProviderOutcome(state=PaymentState.UNKNOWN, reason="provider_differs", reference=record.reference)
        case ChargeStatus.DECLINED:
            return ProviderOutcome(state=PaymentState.DECLINED, reason=record.reason, reference=record.reference)
        case ChargeStatus.VOIDED:
            # It is voided after a charge that the provider did not answer.
            return ProviderOutcome(state=PaymentState.NOT_SENT, reason="voided", provider_failed=True)
        case ChargeStatus.NOT_FOUND | ChargeStatus.PROCESSING:
            return ProviderOutcome(state=PaymentState.UNKNOWN, reason=record.status)


def _send(payment: Payment) -> ProviderOutcome:
    if payment.method == CASH:
        return TAKEN_IN_CASH
    request = queries.charge_request(payment=payment)
    declined = gateways.current().preflight_decline(request=request)
    if declined is not None:  # no call, so nothing for the breaker to count
        return outcome_of(declined, payment=payment)
    try:
        record = GuardedGateway().charge(request=request)
    except breaker.OpenError as closed:
        return ProviderOutcome(state=PaymentState.NOT_SENT, reason=closed.code, retry_after_s=closed.retry_after_s, provider_failed=True)
    except (NotSentError, RefusedError) as failure:
        return ProviderOutcome(
            state=PaymentState.NOT_SENT,
            reason=failure.reason,
            retry_after_s=failure.retry_after_s,
            provider_failed=isinstance(failure, NotSentError),  # who refuses a request is up
        )
    except NoAnswerError as silence:
        return ProviderOutcome(state=PaymentState.UNKNOWN, reason=silence.reason)
    return outcome_of(record, payment=payment)
