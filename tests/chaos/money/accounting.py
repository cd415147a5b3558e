"""Compares rentals, payments and ledger with the provider's records."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from apps.payments import queries
from apps.payments.domain import UNSETTLED, Account, RefundState
from apps.payments.gateways.port import ChargeRecord
from apps.payments.gateways.sandbox_store import SandboxStore
from apps.payments.models import Payment, Refund
from apps.rentals.domain import RentalState
from apps.rentals.models import Rental
from gdmarket.bus.models import Delivery
from tests.chaos.money.outcome import Verdict

_PAID = {RentalState.PAID, RentalState.RENTED, RentalState.RETURNED, RentalState.NO_SHOW}
_MOVING = {RentalState.PAYING, RentalState.REFUNDING}
_MOST_EXAMPLES = 20
_EVER = {"since": datetime(2000, 1, 1, tzinfo=UTC), "until": datetime(2100, 1, 1, tzinfo=UTC)}

Broken = tuple[str, str]


def judge(*, store: Path) -> Verdict:
    """Compare them, once nothing is in progress."""
    charges = dict(_charges(SandboxStore(path=store)))
    broken = [*_of_rentals(charges), *_of_payments(charges), *_unsettled()]
    balances = {account: balance for account, _currency, balance in queries.list_balances()}
    held = sum(record.amount - record.refunded for record in charges.values())
    return Verdict(
        broken=Counter(guarantee for guarantee, _ in broken),
        ledger_difference=held - balances.get(Account.PROVIDER_CLEARING, 0),
        ledger_imbalance=sum(balances.values()),
        held=held,
        charges=len(charges),
        refunds=Refund.objects.count(),
        rentals=Counter(Rental.objects.values_list("state", flat=True)),
        payments=Counter(Payment.objects.values_list("state", flat=True)),
        examples=[f"{guarantee}: {what}" for guarantee, what in broken[:_MOST_EXAMPLES]],
    )


def _of_rentals(charges: Mapping[UUID, ChargeRecord]) -> Iterator[Broken]:
    """Compare each rental's state with what the provider holds for it."""
    held: defaultdict[UUID, list[ChargeRecord]] = defaultdict(list)
    for payment_id, rental_id in Payment.objects.values_list("id", "rental_id"):
        record = charges.get(payment_id)
        if record is not None and record.refunded < record.amount:
            held[rental_id].append(record)
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


def _of_payments(charges: Mapping[UUID, ChargeRecord]) -> Iterator[Broken]:
    payments = {payment.id: payment for payment in Payment.objects.all()}
    for key, record in charges.items():
        if record.refunded > record.amount:
            yield "refunded above the charge", f"{key} {record}"
        if key not in payments:
            yield "charged and unknown to us", f"{key} {record}"
        elif payments[key].refunded != record.refunded:
            yield "refunds differ", f"{payments[key]} refunded {payments[key].refunded}: {record}"


def _unsettled() -> Iterator[Broken]:
    for payment in Payment.objects.filter(state__in=UNSETTLED):
        yield "payment unsettled", str(payment)
    for refund in Refund.objects.filter(state=RefundState.PENDING):
        yield "refund unsettled", f"{refund} {refund.reason}"
    for delivery in Delivery.objects.filter(dead=True):
        yield "dead letter", f"{delivery.lane}: {delivery.error[-300:]}"


def _charges(store: SandboxStore) -> Iterator[tuple[UUID, ChargeRecord]]:
    cursor, is_last = "", False
    while not is_last:
        page = store.list_charges(**_EVER, cursor=cursor, deadline_s=30.0)
        yield from ((listed.payment_id, listed.record) for listed in page.charges if listed.payment_id is not None)
        cursor, is_last = page.cursor, not page.cursor
