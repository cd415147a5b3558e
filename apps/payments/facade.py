"""What neighbours may call: rentals charges, status_view compares and rebuilds itself from snapshots."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from django.conf import settings

from apps.payments import gateways, queries
from apps.payments.contracts import CASH, ChargeOutcome, ChargeRequest, ChargeResult, PaymentSnapshot, RefusedAmount, TakenPayment
from apps.payments.domain import CHARGED, UNSETTLED, PaymentState, Span, refused_by
from apps.payments.models import Payment
from apps.payments.services import charging
from apps.payments.services.provider_calls import DEPENDENCY
from gdmarket import breaker, contracts

_OUTCOMES = {
    PaymentState.PENDING: ChargeOutcome.UNKNOWN,  # another caller is charging, or died doing so
    PaymentState.UNKNOWN: ChargeOutcome.UNKNOWN,
    PaymentState.APPROVED: ChargeOutcome.APPROVED,
    PaymentState.DECLINED: ChargeOutcome.DECLINED,
    PaymentState.NOT_SENT: ChargeOutcome.NOT_SENT,
    PaymentState.REFUNDED: ChargeOutcome.DECLINED,  # the money is back with the payer and pays for nothing
}


def charge(*, request: ChargeRequest, superseded_event: type | None = None, now: datetime) -> ChargeResult:
    """Collect the money, once for ever under the request's `payment_id`; blocks up to GDMARKET_PAYMENT_TIMEOUT_MS.

    By the method CASH it is recorded as collected, and no provider is called: only who has it in hand, the item's manager, may say so.

    The same id again returns how that attempt stands and never charges again. Call it outside any transaction. `superseded_event`
    is the class of the event by which the caller has told payments of the attempt, in the stream `rental:<rental_id>`: it is not delivered
    any more.
    :raises PaymentReusedError: if the id already names another rental, payer, payee or sum
    :raises PaymentInProgressError: if another attempt for the rental is open or holds its money
    :raises InsideTransactionError: if called inside a database transaction
    """
    payment, retry_after_s = charging.charge_payment(request=request, superseded_event=superseded_event, now=now)
    outcome = _OUTCOMES[PaymentState(payment.state)]
    return contracts.build(ChargeResult, payment, payment_id=payment.id, outcome=outcome, retry_after_s=retry_after_s)


def unavailable_for_s() -> float:
    """Return 0.0 while the provider may be called, else in how many seconds it may be again."""
    return breaker.of(DEPENDENCY).open_for_s()


def accepts(*, method: str) -> bool:
    """Say whether the gateway knows the payment method; whether it approves is another matter. It never takes cash."""
    return method != CASH and gateways.current().accepts(method=method)


def refused_amount(*, amount: int, currency: str) -> RefusedAmount | None:
    """Return why the provider never takes a sum, by its limits or those in the settings, or None if it may; calls nobody."""
    spans: Mapping[str, Span] = {**gateways.current().amounts, **settings.GDMARKET_PAYMENT_AMOUNTS}
    return refused_by(span=spans.get(currency, (None, None)), amount=amount)


def is_given_back(*, payment_id: UUID) -> bool:
    """Return whether all of a payment is back with the payer or is to go back: it pays for nothing."""
    payment = queries.find_payment(payment_id=payment_id)
    return payment is not None and payment.refund_due == payment.amount


def list_taken(*, payment_ids: Collection[UUID]) -> list[TakenPayment]:
    """Return those of these payments that were taken, with what of them goes or went back; in no order."""
    return [
        contracts.build(TakenPayment, payment, payment_id=payment.id, in_cash=payment.method == CASH)
        for payment in Payment.objects.filter(id__in=payment_ids, state__in=CHARGED)
    ]


def find_rental(*, payment_or_refund_id: UUID) -> UUID | None:
    """Return the id of the rental that a payment, or the payment of a refund, was for; None where there is neither."""
    return queries.find_rental(payment_or_refund_id=payment_or_refund_id)


def list_streams_about(*, payment_or_refund_id: UUID, rental_ids: Collection[UUID]) -> list[str]:
    """Return the streams of the events about the payments of these rentals and their refunds, and about the one with this id."""
    payment_ids, refund_ids = queries.list_ids_of(rental_ids=rental_ids)
    payments = dict.fromkeys([payment_or_refund_id, *payment_ids])
    refunds = dict.fromkeys([payment_or_refund_id, *refund_ids])
    of_payments = [f"{kind}:{payment_id}" for payment_id in payments for kind in ("payment", "payment-timer", "payment-notice")]
    return [*of_payments, *(f"refund:{refund_id}" for refund_id in refunds)]


def list_rentals_without_item(*, after: UUID | None = None, limit: int = 500) -> list[UUID]:
    """Return up to `limit` rentals, in order after `after`, that have a payment by a version that did not know what they are of."""
    return list(queries.list_rentals_without_item(after=after)[:limit])


def record_items(*, items: Mapping[UUID, UUID]) -> int:
    """Record for these rentals what they are of, where their payments lack it; return of how many payments. For `catch_up`."""
    return charging.record_items(items=items)


def list_snapshots(*, rental_ids: Collection[UUID]) -> list[PaymentSnapshot]:
    """Return the settled attempts to pay these rentals, in the order of their ids; `occurred_at` is when each was settled."""
    return [
        contracts.build(PaymentSnapshot, payment, payment_id=payment.id, occurred_at=payment.settled_at or payment.created_at)
        for payment in Payment.objects.filter(rental_id__in=rental_ids).exclude(state__in=UNSETTLED).order_by("id")
    ]
