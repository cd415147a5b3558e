"""Paying for a rental: the one synchronous call to payments, and what its outcome means for the rental."""

from datetime import datetime
from uuid import UUID

from apps.payments import facade as payments
from apps.payments.facade import ChargeResult, Outcome
from apps.rentals import domain, queries
from apps.rentals.domain import PaymentState, State
from apps.rentals.errors import PaymentDeclinedError, PaymentUnavailableError, UnknownPaymentMethodError, WrongStateError
from apps.rentals.events import (
    PeriodBegan,
    RentalCancelled,
    RentalExpired,
    RentalHoldProlonged,
    RentalPaid,
    RentalPaymentFailed,
    RentalPaymentStarted,
    RentalRefundDue,
)
from apps.rentals.models import Rental
from apps.rentals.services import facts, requesting
from gdmarket import databases, failpoints, ids


def request_rental(
    *,
    rental_id: UUID,
    item_id: UUID,
    renter_id: UUID,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    method: str | None = None,
    now: datetime,
) -> Rental:
    """Request an item for a renter, and with `method` pay for it in the same breath.

    Nothing is held while it is to be paid and payments are known to be unavailable.
    :raises PaymentDeclinedError, PaymentUnavailableError: as `pay_rental` does
    :raises ItemNotFoundError, ItemWithdrawnError, PeriodTakenError, InvalidError: as `hold_period` does
    """
    if method is not None:
        _refuse_unknown_method(method)
        _refuse_while_closed()
    rental = requesting.hold_period(
        rental_id=rental_id, item_id=item_id, renter_id=renter_id, starts_at=starts_at, ends_at=ends_at, now=now
    )
    if method is None:
        return rental
    return pay_rental(rental_id=rental_id, by=renter_id, method=method, operation_id=rental_id, now=now)


def pay_rental(*, rental_id: UUID, by: UUID, method: str, operation_id: UUID, now: datetime) -> Rental:
    """Pay a rental's price and return it: `paid`, or still `paying` while the outcome is unknown.

    The same `operation_id` again goes on with the attempt it began, so that a repeated call never charges twice.
    :raises PaymentDeclinedError: if the provider declined; the hold stands
    :raises PaymentUnavailableError: if the provider was surely not asked; the hold is prolonged
    :raises WrongStateError: if the rental does not wait to be paid
    """
    _refuse_unknown_method(method)
    facts.only_renter(queries.get_rental(rental_id=rental_id), by=by)
    try:
        _refuse_while_closed()
    except PaymentUnavailableError as closed:
        _prolong_hold(rental_id=rental_id, retry_after_s=closed.retry_after_s, now=now)
        raise
    rental = _start_payment(rental_id=rental_id, operation_id=operation_id, method=method, now=now)
    if rental.state != State.PAYING or not rental.payment_id:
        return rental
    failpoints.hit("rentals.pay.started")
    result = payments.charge(
        payment_id=rental.payment_id,
        rental_id=rental.id,
        payer_id=rental.renter_id,
        payee_id=rental.manager_id,
        amount=rental.price,
        currency=rental.currency,
        method=method,
        now=now,
    )
    return _answer(rental, result, now=now)


def settle_payment(*, rental_id: UUID, payment_id: UUID, outcome: str, reason: str = "", retry_after_s: float = 0.0, now: datetime) -> bool:
    """Move a rental on as its payment turned out; a payment that is not being waited for changes nothing.

    `outcome` is one of `payments.facade.Outcome`. Return whether the payment is, or was, the rental's own: an approved one
    that is not is money without a rental.
    """
    with databases.transaction_for("rentals"):
        rental = facts.locked(rental_id=rental_id)
        if rental.payment_id != payment_id:
            return False
        if rental.state != State.PAYING or outcome == Outcome.UNKNOWN:
            return True
        rental.payment_state = PaymentState(outcome)
        if outcome == Outcome.APPROVED:
            _book(rental, now=now)
        else:
            _fall_back(rental, outcome=outcome, reason=reason, retry_after_s=retry_after_s, now=now)
    return True


def expire_unpaid(*, rental_id: UUID, due_at: datetime, now: datetime) -> None:
    """Free the item when a rental was not paid by `due_at`; a hold that was prolonged, paid or ended is left alone."""
    with databases.transaction_for("rentals"):
        rental = facts.locked(rental_id=rental_id)
        if rental.state != State.REQUESTED or rental.payment_due_at > due_at:
            return
        facts.move(rental, to=State.EXPIRED, wanted="expire")
        rental.closed_at = now
        facts.record(rental, RentalExpired, now=now)


def _refuse_unknown_method(method: str) -> None:
    if not payments.accepts(method=method):
        raise UnknownPaymentMethodError


def _refuse_while_closed() -> None:
    wait_s = payments.closed_for_s()
    if wait_s > 0:
        raise PaymentUnavailableError(retry_after_s=wait_s)


def _prolong_hold(*, rental_id: UUID, retry_after_s: float, now: datetime) -> None:
    with databases.transaction_for("rentals"):
        rental = facts.locked(rental_id=rental_id)
        if rental.state != State.REQUESTED:
            raise WrongStateError(state=rental.state, wanted="pay")
        due_at = domain.prolonged(due_at=rental.payment_due_at, retry_after_s=retry_after_s, now=now)
        if due_at > rental.payment_due_at:
            facts.hold_until(rental, due_at=due_at, now=now)
            facts.record(rental, RentalHoldProlonged, now=now)


def _start_payment(*, rental_id: UUID, operation_id: UUID, method: str, now: datetime) -> Rental:
    with databases.transaction_for("rentals"):
        rental = facts.locked(rental_id=rental_id)
        if rental.operation == operation_id and rental.state in {State.PAYING, State.PAID}:
            return rental
        if rental.operation == operation_id and rental.payment_state == PaymentState.DECLINED:
            raise PaymentDeclinedError(reason="")
        if rental.state == State.REQUESTED and rental.payment_due_at <= now:
            raise WrongStateError(state=State.EXPIRED, wanted="pay")
        facts.move(rental, to=State.PAYING, wanted="pay")
        rental.payment_id, rental.operation = ids.uuid7(), operation_id
        rental.payment_state = PaymentState.PENDING
        facts.record(rental, RentalPaymentStarted, now=now, method=method)
    return rental


def _answer(rental: Rental, result: ChargeResult, *, now: datetime) -> Rental:
    wait_s = result.retry_after_s or 0.0
    settle_payment(
        rental_id=rental.id, payment_id=result.payment_id, outcome=result.outcome, reason=result.reason, retry_after_s=wait_s, now=now
    )
    failpoints.hit("rentals.pay.settled")
    if result.outcome is Outcome.DECLINED:
        raise PaymentDeclinedError(reason=result.reason)
    if result.outcome is Outcome.NOT_SENT:
        raise PaymentUnavailableError(retry_after_s=wait_s)
    rental = queries.get_rental(rental_id=rental.id)
    if rental.state in {State.REFUNDING, State.CANCELLED}:  # cancelled while the provider was being asked: the money goes back
        raise WrongStateError(state=rental.state, wanted="pay")
    return rental


def _book(rental: Rental, *, now: datetime) -> None:
    if rental.cancel_requested:
        facts.move(rental, to=State.REFUNDING, wanted="refund")
        facts.record(rental, RentalRefundDue, now=now, reason=rental.cancel_reason)
        return
    facts.move(rental, to=State.PAID, wanted="pay")
    rental.paid_at = now
    facts.record(rental, RentalPaid, now=now)
    if rental.began_at is None:
        facts.remind(rental, PeriodBegan, at=rental.starts_at, now=now)


def _fall_back(rental: Rental, *, outcome: str, reason: str, retry_after_s: float, now: datetime) -> None:
    if rental.cancel_requested:
        facts.move(rental, to=State.CANCELLED, wanted="cancel")
        rental.closed_at = now
        facts.record(rental, RentalCancelled, now=now, reason=rental.cancel_reason)
        return
    facts.move(rental, to=State.REQUESTED, wanted="try again")
    due_at = rental.payment_due_at
    if outcome == Outcome.NOT_SENT:
        due_at = domain.prolonged(due_at=due_at, retry_after_s=retry_after_s, now=now)
    # Even an unchanged deadline is set anew: it may have passed, unheeded, while the payment was in flight.
    facts.hold_until(rental, due_at=due_at, now=now)
    facts.record(rental, RentalPaymentFailed, now=now, reason=reason)
