"""Reading payments and refunds."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, F, IntegerField, Min, Q, QuerySet, Sum, UUIDField, When
from django.db.models.functions import Coalesce

from apps.payments.contracts import ChargeRequest
from apps.payments.domain import UNSETTLED, Account, LedgerEntry, RefundState
from apps.payments.errors import PaymentNotFoundError
from apps.payments.models import Payment, Posting, Refund
from gdmarket import contracts
from gdmarket.prepared import Param, Prepared

_BY_ID = Payment.objects.filter(id=Param("payment_id", UUIDField()))
_EARNINGS = (LedgerEntry.EARNED, LedgerEntry.REFUND_DUE, LedgerEntry.CASH_TAKEN, LedgerEntry.CASH_GIVEN)
_PAYMENT, _LOCKED = Prepared(_BY_ID), Prepared(_BY_ID.select_for_update(no_key=True))


def _sum(*entries: LedgerEntry) -> Coalesce:
    return Coalesce(Sum("amount", filter=Q(entry__in=entries)), 0)


# Everything that is summed by the ledger is summed like this, so that all figures agree.
_SUMS: dict[str, Any] = {
    "payments": Count("id", filter=Q(entry=LedgerEntry.EARNED)),
    "earned": _sum(LedgerEntry.EARNED),
    "given_back": _sum(LedgerEntry.REFUND_DUE),
    "cash": _sum(LedgerEntry.CASH_TAKEN) - _sum(LedgerEntry.CASH_GIVEN),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class EarnedSums:
    """Sums of the ledger, in minor units of `currency`; `given_back` is what renters were or will be refunded of what was `earned`.

    `cash` is what the manager took in cash, less what was given back in cash: they have that already.
    """

    currency: str
    payments: int = 0
    earned: int = 0
    given_back: int = 0
    cash: int = 0

    @property
    def income(self) -> int:
        """What stays with the manager of what was earned."""
        return self.earned - self.given_back

    @property
    def net(self) -> int:
        """What is to be paid out; below 0, the manager owes it."""
        return self.income - self.cash


@dataclass(frozen=True, kw_only=True, slots=True)
class Earnings(EarnedSums):
    """What a manager earned; `manager_id` is None for payments recorded before payees were."""

    manager_id: UUID | None


@dataclass(frozen=True, kw_only=True, slots=True)
class MonthEarnings(EarnedSums):
    """What a manager earned in one of several months, counted from 0."""

    month: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemEarnings(EarnedSums):
    """What a manager earned with an item; `item_id` is None for payments recorded before items were and not filled in yet."""

    item_id: UUID | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AtRisk:
    """Money whose outcome is open: `kind` is `pending` or `unknown` for payments, or `refund`; `amount` in minor units."""

    kind: str
    currency: str
    count: int
    amount: int
    oldest_at: datetime


def get_payment(*, payment_id: UUID, lock: bool = False) -> Payment:
    """Return the payment, its row locked until the end of the transaction if `lock`.

    :raises PaymentNotFoundError: if there is none
    """
    payment = _LOCKED.first(payment_id=payment_id) if lock else find_payment(payment_id=payment_id)
    if payment is None:
        raise PaymentNotFoundError(payment=str(payment_id))
    return payment


def find_payment(*, payment_id: UUID) -> Payment | None:
    """Return the payment, or None where there is none."""
    return _PAYMENT.first(payment_id=payment_id)


def find_rental(*, payment_or_refund_id: UUID) -> UUID | None:
    """Return the id of the rental that a payment, or the payment of a refund, was for; None where there is neither."""
    payment = find_payment(payment_id=payment_or_refund_id)
    if payment is not None:
        return payment.rental_id
    return Refund.objects.filter(id=payment_or_refund_id).values_list("payment__rental_id", flat=True).first()


def list_ids_of(*, rental_ids: Collection[UUID]) -> tuple[list[UUID], list[UUID]]:
    """Return the ids of all payments of these rentals, and of all refunds of those."""
    payment_ids = list(Payment.objects.filter(rental_id__in=rental_ids).order_by("id").values_list("id", flat=True))
    return payment_ids, list(Refund.objects.filter(payment__in=payment_ids).order_by("id").values_list("id", flat=True))


def list_matching(*, keys: Collection[UUID], references: Collection[str], orders: Collection[UUID]) -> list[Payment]:
    """List the payments that charges on a provider's list may belong to: by our ids, by its references, or by the rentals they pay for."""
    by_name = Q(provider_reference__in=[name for name in references if name])
    return list(Payment.objects.filter(Q(id__in=keys) | by_name | Q(rental_id__in=orders)).order_by("created_at", "id"))


def held_by_ledger(*, payment_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return what the provider holds of each payment by our ledger, in minor units; a payment that was never charged is left out."""
    return _balances_of(Account.PROVIDER_CLEARING, payment_ids)


def cash_by_ledger(*, payment_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return what managers hold of each payment in cash by our ledger, in minor units; a payment of which they took none is left out."""
    return _balances_of(Account.MANAGER_CASH, payment_ids)


def _balances_of(account: Account, payment_ids: Collection[UUID]) -> dict[UUID, int]:
    sums = (
        Posting.objects.filter(Q(debit=account) | Q(credit=account), payment_id__in=payment_ids)
        .values_list("payment_id")
        .annotate(held=Sum(Case(When(debit=account, then=F("amount")), default=-F("amount"))))
    )
    return dict(sums)


def list_earnings(*, since: datetime, until: datetime) -> list[Earnings]:
    """Return what each manager earned by what was posted in [`since`, `until`), a row for each currency, the most first."""
    rows = (
        _earned(since=since, until=until)
        .values("currency", manager_id=F("payment__payee_id"))
        .annotate(**_SUMS)
        .order_by("currency", F("earned") - F("given_back"), "manager_id")
        .reverse()
    )
    return [Earnings(**row) for row in rows]


def list_months_of(*, manager_id: UUID, borders: Sequence[datetime]) -> list[MonthEarnings]:
    """Return what a manager earned in the months between these instants, a row for each month and currency that has any, in order."""
    month = Case(*(When(posted_at__lt=end, then=number) for number, end in enumerate(borders[1:])), output_field=IntegerField())
    posted = _earned(since=borders[0], until=borders[-1]).filter(payment__payee_id=manager_id)
    return [MonthEarnings(**row) for row in posted.values("currency", month=month).annotate(**_SUMS).order_by("month", "currency")]


def list_items_of(*, manager_id: UUID, since: datetime, until: datetime, currency: str) -> list[ItemEarnings]:
    """Return what a manager earned with each item in [`since`, `until`), in a currency; in no order."""
    posted = _earned(since=since, until=until).filter(payment__payee_id=manager_id, currency=currency)
    return [ItemEarnings(**row) for row in posted.order_by().values("currency", item_id=F("payment__item_id")).annotate(**_SUMS)]


def _earned(*, since: datetime, until: datetime) -> QuerySet[Posting]:
    return Posting.objects.filter(posted_at__gte=since, posted_at__lt=until, entry__in=_EARNINGS)


def list_rentals_without_item(*, after: UUID | None = None) -> QuerySet[Payment, UUID]:
    """List the rentals, in order after `after`, that have a payment whose item is not filled in, each once."""
    payments = Payment.objects.filter(item_id=None)
    payments = payments if after is None else payments.filter(rental_id__gt=after)
    return payments.order_by("rental_id").values_list("rental_id", flat=True).distinct()


def list_balances() -> list[tuple[str, str, int]]:
    """Return (account, currency, debits less credits in minor units) of the whole ledger; in each currency these add up to 0."""
    balances: Counter[tuple[str, str]] = Counter()
    sums = Posting.objects.values_list("debit", "credit", "currency").annotate(total=Sum("amount"))
    for debit, credit, currency, total in sums:
        balances[debit, currency] += total
        balances[credit, currency] -= total
    return [(account, currency, balance) for (account, currency), balance in sorted(balances.items())]


def list_at_risk() -> list[AtRisk]:
    """Return what the provider has not settled, a row for each kind and currency; partial indexes keep this fast."""
    payments = Payment.objects.filter(state__in=UNSETTLED).values_list("state", "currency")
    refunds = Refund.objects.filter(state=RefundState.PENDING).values_list("payment__currency")
    sums: dict[str, Any] = {"count": Count("id"), "sum": Sum("amount"), "oldest": Min("created_at")}
    rows = [*payments.annotate(**sums), *(("refund", *row) for row in refunds.annotate(**sums))]
    return [AtRisk(kind=str(kind), currency=currency, count=n, amount=total, oldest_at=at) for kind, currency, n, total, at in rows]


def charge_request(*, payment: Payment) -> ChargeRequest:
    """Return what the gateway is asked to charge, look up, refund or void for a payment."""
    return contracts.build(ChargeRequest, payment, payment_id=payment.id)


def get_refund(*, refund_id: UUID) -> Refund:
    """Return the refund.

    :raises PaymentNotFoundError: if there is none
    """
    try:
        return Refund.objects.get(id=refund_id)
    except Refund.DoesNotExist as missing:
        raise PaymentNotFoundError(refund=str(refund_id)) from missing
