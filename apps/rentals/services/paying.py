"""Paying for a rental: the one synchronous call to payments, and the settlement of its outcome."""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from apps.payments import facade as payments
from apps.payments.contracts import AmountRefusal, ChargeOutcome, ChargeRequest, ChargeResult, PaymentSnapshot
from apps.payments.events import PaymentApproved, PaymentDeclined, PaymentNotSent
from apps.rentals import domain, queries
from apps.rentals.domain import RentalPaymentState, RentalState
from apps.rentals.errors import (
    AmountAboveLimitError,
    AmountBelowLimitError,
    AmountTooLargeError,
    AmountTooSmallError,
    ManagerInactiveError,
    PaymentDeclinedError,
    PaymentUnavailableError,
    PeriodOverError,
    PeriodOverMeanwhileError,
    UnknownPaymentMethodError,
    WrongStateError,
)
from apps.rentals.events import (
    PeriodBegan,
    PeriodEnded,
    RentalCancelled,
    RentalExpired,
    RentalHoldProlonged,
    RentalPaid,
    RentalPaymentFailed,
    RentalPaymentStarted,
    RentalRefundDue,
)
from apps.rentals.models import Rental
from apps.rentals.services import limits, transitions
from gdmarket import bus, databases, failpoints, ids
from gdmarket.errors import DeclinedError

# What payments publishes of an outcome.
_FACTS: Mapping[ChargeOutcome, type[PaymentSnapshot]] = {
    ChargeOutcome.APPROVED: PaymentApproved,
    ChargeOutcome.DECLINED: PaymentDeclined,
    ChargeOutcome.NOT_SENT: PaymentNotSent,
}
_AMOUNT_REFUSALS: Mapping[str, type[DeclinedError]] = {
    AmountRefusal.TOO_SMALL: AmountTooSmallError,
    AmountRefusal.TOO_LARGE: AmountTooLargeError,
}
_LIMIT_REFUSALS: Mapping[str, type[DeclinedError]] = {
    AmountRefusal.TOO_SMALL: AmountBelowLimitError,
    AmountRefusal.TOO_LARGE: AmountAboveLimitError,
}


def pay_rental(*, rental_id: UUID, by: UUID, method: str, operation_id: UUID, now: datetime) -> Rental:
    """Pay a rental's price and return it: `paid`, or still `paying` while the outcome is unknown.

    The same `operation_id` again continues the attempt it began, so that a repeated call never charges twice.
    :raises PaymentDeclinedError: if the provider declined; the hold stands
    :raises AmountTooSmallError, AmountTooLargeError: if the provider never takes this sum; the hold stands
    :raises TooManyDeclinesError: if too many payments were declined of late; the provider is not asked
    :raises PaymentUnavailableError: if the provider was certainly not asked; the hold is prolonged where that was the provider's fault
    :raises PeriodOverError: if the period is over; nothing is charged
    :raises PeriodOverMeanwhileError: if it was over when the provider answered; the money goes back
    :raises WrongStateError: if the rental cannot be paid in its state
    :raises ManagerInactiveError: if nobody would hand the item over: its manager is suspended
    """
    check_method(method=method)
    began, wait_s = time.monotonic(), payments.unavailable_for_s()
    with bus.defer_dispatch():
        rental = _start_payment(rental_id=rental_id, by=by, operation_id=operation_id, method=method, wait_s=wait_s, now=now)
        # An attempt that was begun before the period's end and never sent is not sent after it.
        if rental.state != RentalState.PAYING or rental.payment_id is None or rental.ends_at <= now:
            return rental
        charged = charge(rental, payment_id=rental.payment_id, method=method, now=now)
    return resolve_charge(*charged, at=now + timedelta(seconds=time.monotonic() - began))


def begin_attempt(rental: Rental, *, operation_id: UUID, in_cash: bool = False) -> UUID:
    """Begin an attempt to pay, and return its id: the rental is `paying`. Whoever calls it writes the rental and publishes it."""
    transitions.transition(rental, to=RentalState.PAYING, wanted="pay")
    rental.payment_id, rental.operation = ids.uuid7(), operation_id
    rental.payment_state, rental.in_cash = RentalPaymentState.PENDING, in_cash
    return rental.payment_id


def charge(rental: Rental, *, payment_id: UUID, method: str, now: datetime) -> tuple[Rental, ChargeResult]:
    """Charge the rental's price once, and settle the rental with the outcome; return both. Call it within `bus.defer_dispatch`.

    What payments publishes of the outcome is superseded by the settlement: it is for the case that this process dies before that, or
    that the provider answers late (ADR 0021, ADR 0035).
    """
    failpoints.hit("rentals.pay.started")
    request = ChargeRequest(
        payment_id=payment_id,
        rental_id=rental.id,
        payer_id=rental.renter_id,
        payee_id=rental.manager_id,
        item_id=rental.item_id,
        amount=rental.price,
        currency=rental.currency,
        method=method,
    )
    began = time.monotonic()
    result = payments.charge(request=request, superseded_event=RentalPaymentStarted, now=now)
    answered_at = now + timedelta(seconds=time.monotonic() - began)
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental.id)
        if rental.payment_id == payment_id and result.outcome in _FACTS:
            _settle(
                rental,
                outcome=result.outcome,
                reason=result.reason,
                retry_after_s=result.retry_after_s or 0.0,
                provider_failed=result.provider_failed,
                now=now,
                answered_at=answered_at,
            )
            bus.supersede(_FACTS[result.outcome], subscriber="rentals", stream=f"payment:{payment_id}")
    failpoints.hit("rentals.pay.settled")
    return rental, result


def resolve_charge(rental: Rental, result: ChargeResult, *, at: datetime) -> Rental:
    """Return the rental that a charge has settled, or refuse as `pay_rental` says; `at` is the instant."""
    if rental.state == RentalState.REFUNDING:
        bus.deliver_deferred()  # the refund, too, so that its outcome is known, as far as the provider answers at once
        rental = queries.get_rental(rental_id=rental.id)
    if rental.ends_at <= at and rental.state in {RentalState.EXPIRED, RentalState.REFUNDING} and not rental.cancel_requested:
        raise PeriodOverMeanwhileError
    _raise_if_not_paid(result)
    if rental.state in {RentalState.REFUNDING, RentalState.CANCELLED}:  # cancelled during the charge: the money goes back
        raise WrongStateError(state=rental.state, wanted="pay")
    return rental


def settle_payment(
    *,
    rental_id: UUID,
    payment_id: UUID,
    outcome: str,
    reason: str = "",
    provider_failed: bool = False,
    now: datetime,
    answered_at: datetime | None = None,
) -> bool:
    """Settle a rental with the outcome of its payment; a rental that is settled already is left unchanged.

    Where the outcome is known only from `answered_at` on, and the period is over by then, the rental is not revived: it expires, with the
    money back if any was taken.
    Return whether the payment is the rental's latest attempt. An approved one that is not is money without a rental.
    """
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        if rental.payment_id != payment_id:
            return False
        _settle(rental, outcome=outcome, reason=reason, provider_failed=provider_failed, now=now, answered_at=answered_at or now)
    return True


def check_method(*, method: str) -> None:
    """Refuse a payment method that the provider does not know.

    :raises UnknownPaymentMethodError: then
    """
    if not payments.accepts(method=method):
        raise UnknownPaymentMethodError


def check_amount(rental: Rental) -> None:
    """Refuse a price that the provider is known never to take.

    :raises AmountTooSmallError, AmountTooLargeError: then, with the limit in minor units
    """
    refused = payments.refused_amount(amount=rental.price, currency=rental.currency)
    if refused is not None:
        raise _LIMIT_REFUSALS[refused.reason](amount=rental.price, currency=rental.currency, limit=refused.limit)


def check_available() -> None:
    """Refuse to start a payment while the circuit breaker is open.

    :raises PaymentUnavailableError: then, with the seconds after which to try again
    """
    wait_s = payments.unavailable_for_s()
    if wait_s > 0:
        raise PaymentUnavailableError(retry_after_s=wait_s)


def _start_payment(*, rental_id: UUID, by: UUID, operation_id: UUID, method: str, wait_s: float, now: datetime) -> Rental:
    """Begin an attempt, or return the rental as the attempt of the same operation left it.

    While the provider is known to be unavailable, for `wait_s`, the hold is prolonged instead.
    """
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        transitions.only_renter(rental, by=by)
        is_repeated = rental.operation == operation_id  # a repeated call learns what its attempt came to
        if rental.state == RentalState.REQUESTED:
            if not is_repeated and queries.is_suspended(manager_id=rental.manager_id):
                raise ManagerInactiveError
            check_amount(rental)  # it reads settings alone
        if is_repeated and rental.state in {RentalState.PAYING, RentalState.PAID}:
            return rental
        if is_repeated and rental.payment_state == RentalPaymentState.DECLINED:
            raise PaymentDeclinedError(reason="")
        _check_payable(rental, now=now)
        is_unavailable = wait_s > 0 and not is_repeated
        if is_unavailable:
            _prolong_hold(rental, retry_after_s=wait_s, now=now)
        else:
            limits.check_declines(rental, renter=limits.lock_renter(renter_id=rental.renter_id), now=now)
            begin_attempt(rental, operation_id=operation_id)
            transitions.save_and_publish(rental, RentalPaymentStarted, now=now, method=method)
    if is_unavailable:
        raise PaymentUnavailableError(retry_after_s=wait_s)
    return rental


def _prolong_hold(rental: Rental, *, retry_after_s: float, now: datetime) -> None:
    due_at = transitions.deadline(rental, wanted=domain.prolonged(due_at=rental.payment_due_at, retry_after_s=retry_after_s, now=now))
    if due_at > rental.payment_due_at:
        rental.could_not_pay = True
        transitions.hold_until(rental, due_at=due_at, now=now)
        transitions.save_and_publish(rental, RentalHoldProlonged, now=now)


def _raise_if_not_paid(result: ChargeResult) -> None:
    if result.outcome is ChargeOutcome.DECLINED:
        raise _AMOUNT_REFUSALS.get(result.reason, PaymentDeclinedError)(reason=result.reason)
    if result.outcome is ChargeOutcome.NOT_SENT:
        raise PaymentUnavailableError(retry_after_s=result.retry_after_s or 0.0)


def _check_payable(rental: Rental, *, now: datetime) -> None:
    if rental.ends_at <= now and rental.state in {RentalState.REQUESTED, RentalState.EXPIRED, RentalState.NO_SHOW}:
        raise PeriodOverError
    if rental.state != RentalState.REQUESTED:
        raise WrongStateError(state=rental.state, wanted="pay")
    if rental.payment_due_at <= now:  # only its timer is late
        raise WrongStateError(state=RentalState.EXPIRED, wanted="pay")


def _settle(
    rental: Rental, *, outcome: str, reason: str, retry_after_s: float = 0.0, provider_failed: bool, now: datetime, answered_at: datetime
) -> None:
    """Do as `settle_payment` does, with the rental's latest attempt; with `provider_failed`, the hold is prolonged by `retry_after_s`."""
    if rental.state != RentalState.PAYING or outcome == ChargeOutcome.UNKNOWN:
        return
    rental.payment_state = RentalPaymentState(outcome)
    is_over = rental.ends_at <= answered_at
    if outcome == ChargeOutcome.APPROVED:
        _settle_as_paid(rental, is_over=is_over, now=now)
        return
    if is_over and not rental.cancel_requested:
        transitions.close(rental, to=RentalState.EXPIRED, fact=RentalExpired, wanted="expire", now=answered_at)
    else:
        due_at = rental.payment_due_at
        rental.could_not_pay = provider_failed
        if provider_failed:
            due_at = domain.prolonged(due_at=due_at, retry_after_s=retry_after_s, now=now)
        _settle_as_not_paid(rental, due_at=due_at, reason=reason, now=now)
    if outcome == ChargeOutcome.DECLINED:
        limits.count_decline(rental, now=now)


def _settle_as_paid(rental: Rental, *, is_over: bool, now: datetime) -> None:
    if rental.cancel_requested or is_over:
        transitions.transition(rental, to=RentalState.REFUNDING, wanted="refund")
        reason = rental.cancel_reason if rental.cancel_requested else "period_over"
        transitions.save_and_publish(rental, RentalRefundDue, now=now, reason=reason)
        return
    transitions.transition(rental, to=RentalState.PAID, wanted="pay")
    rental.paid_at = now
    transitions.save_and_publish(rental, RentalPaid, now=now)
    if rental.began_at is not None:
        transitions.schedule_timer(rental, PeriodEnded, at=rental.ends_at, now=now)
    elif not rental.cancelled_payments or rental.starts_at <= now + domain.CLOCK_SKEW:
        # The timer of an earlier payment still waits, unless it may have been delivered, and ignored, since.
        transitions.schedule_timer(rental, PeriodBegan, at=rental.starts_at, now=now)


def _settle_as_not_paid(rental: Rental, *, due_at: datetime, reason: str, now: datetime) -> None:
    if rental.cancel_requested:
        transitions.close(rental, to=RentalState.CANCELLED, fact=RentalCancelled, wanted="cancel", now=now, reason=rental.cancel_reason)
        return
    transitions.transition(rental, to=RentalState.REQUESTED, wanted="try again")
    # An unchanged deadline needs a new timer too: the old one may have been delivered, and ignored, during the payment.
    transitions.hold_until(rental, due_at=due_at, now=now)
    transitions.save_and_publish(rental, RentalPaymentFailed, now=now, reason=reason)
