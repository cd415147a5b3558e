"""What must be true of money in the end: the market's rentals, payments and ledger beside the provider's own book."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from apps.payments import queries
from apps.payments.domain import UNSETTLED, Account, RefundState
from apps.payments.gateways.book import Book
from apps.payments.gateways.port import Entry
from apps.payments.models import Payment, Refund
from apps.rentals.domain import RentalState
from apps.rentals.models import Rental
from gdmarket.bus.models import Delivery
from tests.chaos.money.outcome import Verdict

_PAID = {RentalState.PAID, RentalState.RENTED, RentalState.RETURNED}
_MOVING = {RentalState.PAYING, RentalState.REFUNDING}
_MOST_EXAMPLES = 20
_EVER = {"since": datetime(2000, 1, 1, tzinfo=UTC), "until": datetime(2100, 1, 1, tzinfo=UTC)}

Broken = tuple[str, str]


def judge(*, book: Path) -> Verdict:
    """Compare everything with everything, once nothing moves any more."""
    charges = dict(_charges(Book(path=book)))
    broken = [*_of_rentals(charges), *_of_payments(charges), *_unsettled()]
    balances = {account: balance for account, _currency, balance in queries.list_balances()}
    held = sum(entry.amount - entry.refunded for entry in charges.values())
    return Verdict(
        broken=Counter(promise for promise, _ in broken),
        ledger_difference=held - balances.get(Account.PROVIDER_CLEARING, 0),
        ledger_imbalance=sum(balances.values()),
        held=held,
        charges=len(charges),
        refunds=Refund.objects.count(),
        rentals=Counter(Rental.objects.values_list("state", flat=True)),
        payments=Counter(Payment.objects.values_list("state", flat=True)),
        examples=[f"{promise}: {what}" for promise, what in broken[:_MOST_EXAMPLES]],
    )


def _of_rentals(charges: Mapping[UUID, Entry]) -> Iterator[Broken]:
    """What a rental is and what the provider holds for it belong together, whatever our own payments say."""
    held: defaultdict[UUID, list[Entry]] = defaultdict(list)
    for payment_id, rental_id in Payment.objects.values_list("id", "rental_id"):
        entry = charges.get(payment_id)
        if entry is not None and entry.refunded < entry.amount:
            held[rental_id].append(entry)
    for rental in Rental.objects.all():
        kept = held[rental.id]
        if len(kept) > 1:
            yield "charged twice", f"{rental.id} {rental.state} {kept}"
        if kept and rental.state not in _PAID:
            yield "paid and not booked", f"{rental.id} {rental.state} {kept}"
        if not kept and rental.state in _PAID:
            yield "booked and not paid", f"{rental.id} {rental.state}"
        if rental.state in _MOVING:
            yield "rental unsettled", f"{rental.id} {rental.state}"


def _of_payments(charges: Mapping[UUID, Entry]) -> Iterator[Broken]:
    payments = {payment.id: payment for payment in Payment.objects.all()}
    for key, entry in charges.items():
        if entry.refunded > entry.amount:
            yield "refunded above the charge", f"{key} {entry}"
        if key not in payments:
            yield "charged and unknown to us", f"{key} {entry}"
        elif payments[key].refunded != entry.refunded:
            yield "refunds differ", f"{payments[key]} refunded {payments[key].refunded}: {entry}"


def _unsettled() -> Iterator[Broken]:
    for payment in Payment.objects.filter(state__in=UNSETTLED):
        yield "payment unsettled", str(payment)
    for refund in Refund.objects.filter(state=RefundState.PENDING):
        yield "refund unsettled", f"{refund} {refund.reason}"
    for delivery in Delivery.objects.filter(dead=True):
        yield "dead letter", f"{delivery.lane}: {delivery.error[-300:]}"


def _charges(book: Book) -> Iterator[tuple[UUID, Entry]]:
    cursor, is_last = "", False
    while not is_last:
        page = book.list_charges(**_EVER, cursor=cursor, deadline_s=30.0)
        yield from ((listed.key, listed.entry) for listed in page.charges if listed.key is not None)
        cursor, is_last = page.cursor, not page.cursor
