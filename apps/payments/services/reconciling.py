"""Comparing our payments and the ledger with the provider's own list: what is safe is repaired, the rest is for a person.

First what is open is settled and what is due is given back. Then every charge on the provider's list is held against our payment and
what the ledger booked for it; then what we hold to be charged and the list did not show is looked up.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.payments import domain, queries
from apps.payments.domain import UNSETTLED, PaymentState, RefundState
from apps.payments.errors import OutcomeUnknownError, PaymentDiffersError, RefundRefusedError
from apps.payments.gateways.port import Entry, Listed, Page, Standing
from apps.payments.models import Payment, Refund
from apps.payments.services import asking, booking, checking, refunding

_PAGE = 500
# The list is asked for up to a day from now: the provider's clock need not be ours.
_CLOCKS_DIFFER = timedelta(days=1)
_EVER = datetime(2000, 1, 1, tzinfo=UTC)


class Verdict(StrEnum):
    """What comparing one payment came to."""

    AGREES = "agrees"
    IN_FLIGHT = "in_flight"
    REPAIRED = "repaired"
    WOULD_REPAIR = "would_repair"
    NOT_REACHED = "not_reached"
    NEEDS_PERSON = "needs_person"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One payment compared; `ours` and `provider` say in words how it stands on each side.

    `held` is what the provider holds of it by its own book, `booked` what it holds by our ledger, in minor units of `currency`. No
    payment of ours is named where the provider charged what we know nothing of.
    """

    payment_id: UUID | None = None
    rental_id: UUID | None = None
    verdict: Verdict
    ours: str = "no payment"
    provider: str
    currency: str = ""
    held: int = 0
    booked: int = 0


@dataclass(slots=True)
class _Run:
    now: datetime
    since: datetime
    until: datetime
    is_dry: bool
    told: set[UUID] = field(default_factory=set)

    def within(self, payments: QuerySet[Payment]) -> QuerySet[Payment]:
        return payments.filter(created_at__gte=self.since, created_at__lte=self.until)


def reconcile_payments(
    *, now: datetime, since: datetime | None = None, older_than_s: float = 0.0, dry_run: bool = False
) -> Iterator[Finding]:
    """Settle what is open, and compare every payment made from `since` to `older_than_s` seconds ago with the provider's list.

    What is open is settled however old it is. With `dry_run` the provider is only read and nothing changes. Ends when the provider is
    not reached. Call it outside any transaction; two at once do no harm.
    """
    run = _Run(now=now, since=since or _EVER, until=now - timedelta(seconds=older_than_s), is_dry=dry_run)
    for step in (_settle_open, _compare_listed, _compare_rest):
        for finding in step(run):
            yield finding
            if finding.verdict is Verdict.NOT_REACHED:
                return


def _settle_open(run: _Run) -> Iterator[Finding]:
    is_refund_due = Exists(Refund.objects.filter(payment=OuterRef("id"), state=RefundState.PENDING))
    for payment in _in_pages(Payment.objects.filter(Q(state__in=UNSETTLED) | is_refund_due, created_at__lte=run.until)):
        run.told.add(payment.id)
        try:
            yield _settle(payment, run) if payment.state in UNSETTLED else _refund(payment, run)
        except OutcomeUnknownError as silence:
            yield _silent(payment, silence)
        except PaymentDiffersError as difference:
            yield _finding(payment, Verdict.NEEDS_PERSON, provider=str(difference))
        except RefundRefusedError as refusal:
            yield _finding(payment, Verdict.NEEDS_PERSON, provider=f"refuses the refund: {refusal.details['reason']}")


def _settle(payment: Payment, run: _Run) -> Finding:
    if payment.state == PaymentState.PENDING and payment.created_at + asking.check_delay() > run.now:
        return _finding(payment, Verdict.IN_FLIGHT, provider="being asked")
    entry = _look_up(payment)
    if entry.standing is Standing.CHARGED and not _is_our_sum(payment, entry):
        return _finding(payment, Verdict.NEEDS_PERSON, entry=entry)
    if run.is_dry:
        return _finding(payment, Verdict.WOULD_REPAIR, entry=entry)
    settled = checking.check_payment(payment_id=payment.id, now=run.now)
    return _finding(payment, Verdict.REPAIRED, provider=f"now {settled.state}", entry=entry, booked=_booked(payment))


def _refund(payment: Payment, run: _Run) -> Finding:
    if run.is_dry:
        entry = _look_up(payment)
        # More given back than we know of may well be a refund of ours whose answer was lost.
        is_possible = entry.standing is Standing.CHARGED and _is_our_sum(payment, entry) and entry.refunded <= payment.refund_due
        return _finding(payment, Verdict.WOULD_REPAIR if is_possible else Verdict.NEEDS_PERSON, entry=entry)
    booking.book_late(payment_id=payment.id, now=run.now)
    for refund in payment.refunds.filter(state=RefundState.PENDING).order_by("created_at", "id"):
        refunding.send_refund(refund_id=refund.id, now=run.now)
    return _finding(payment, Verdict.REPAIRED, provider="now refunded", entry=_look_up(payment), booked=_booked(payment))


def _compare_listed(run: _Run) -> Iterator[Finding]:
    try:
        for page in _pages_of_list(run):
            yield from _compare_page(page, run)
    except OutcomeUnknownError as silence:
        yield Finding(verdict=Verdict.NOT_REACHED, ours="", provider=f"its list was not reached: {silence.__cause__}")


def _pages_of_list(run: _Run) -> Iterator[Page]:
    until, cursor = run.now + _CLOCKS_DIFFER, ""
    while True:
        page = asking.ask_again(
            lambda gateway, deadline_s, cursor=cursor: gateway.list_charges(  # type: ignore[misc]  # mypy infers no default argument
                since=run.since, until=until, cursor=cursor, deadline_s=deadline_s
            ),
            tries=1,
        )
        yield page
        if not page.cursor:
            return
        cursor = page.cursor


def _compare_page(page: Page, run: _Run) -> Iterator[Finding]:
    ours = queries.find_charged(keys=[row.key for row in page.charges if row.key], references=[row.entry.reference for row in page.charges])
    booked = queries.held_by_ledger(payment_ids=[payment.id for payment in ours.values()])
    for listed in page.charges:
        payment = _payment_of(listed, ours)
        if payment is None:
            yield _stranger(listed)
        elif payment.id not in run.told and payment.created_at <= run.until:
            run.told.add(payment.id)
            held = booked.get(payment.id, 0)
            if _agree(payment, listed.entry, booked=held):
                yield _finding(payment, Verdict.AGREES, entry=listed.entry, booked=held)
            else:
                yield _compare(payment, run)


def _payment_of(listed: Listed, ours: dict[UUID | str, Payment]) -> Payment | None:
    by_key = ours.get(listed.key) if listed.key else None
    return by_key or ours.get(listed.entry.reference)


def _compare_rest(run: _Run) -> Iterator[Finding]:
    for payment in _in_pages(run.within(Payment.objects.exclude(state__in=UNSETTLED))):
        if payment.id in run.told:
            continue
        if payment.state in domain.CHARGED:
            try:
                yield _compare(payment, run)
            except OutcomeUnknownError as silence:
                yield _silent(payment, silence)
        else:  # not on the list, as it should be
            yield _finding(payment, Verdict.AGREES, provider="no charge")


def _compare(payment: Payment, run: _Run) -> Finding:
    """Compare once more, now: it may have moved on since it was read, which is no difference."""
    entry = _look_up(payment)
    is_same = Payment.objects.filter(id=payment.id, version=payment.version, refund_due=payment.refund_due).exists()
    is_moving = payment.state in UNSETTLED or payment.refund_due > payment.refunded
    booked = _booked(payment)
    if not is_same or is_moving:
        return _finding(payment, Verdict.IN_FLIGHT, entry=entry, booked=booked)
    if _agree(payment, entry, booked=booked):
        return _finding(payment, Verdict.AGREES, entry=entry, booked=booked)
    # Charged, as both say, and nothing of it booked: by a version from before the ledger.
    if _agree(payment, entry, booked=entry.amount - entry.refunded) and not payment.postings.exists():
        if run.is_dry:
            return _finding(payment, Verdict.WOULD_REPAIR, entry=entry)
        booking.book_late(payment_id=payment.id, now=run.now)
        return _finding(payment, Verdict.REPAIRED, provider="now booked", entry=entry, booked=_booked(payment))
    return _finding(payment, Verdict.NEEDS_PERSON, entry=entry, booked=booked)


def _agree(payment: Payment, entry: Entry, *, booked: int) -> bool:
    if payment.state not in domain.CHARGED:
        return entry.refunded == entry.amount and booked == 0
    is_charged = entry.standing is Standing.CHARGED and _is_our_sum(payment, entry)
    return is_charged and entry.refunded == payment.refunded and booked == entry.amount - entry.refunded


def _is_our_sum(payment: Payment, entry: Entry) -> bool:
    return (entry.amount, entry.currency) == (payment.amount, payment.currency)


def _look_up(payment: Payment) -> Entry:
    intent = asking.intent_of(payment)
    return asking.ask_again(lambda gateway, deadline_s: gateway.lookup(intent=intent, deadline_s=deadline_s), tries=1)


def _booked(payment: Payment) -> int:
    return queries.held_by_ledger(payment_ids=[payment.id]).get(payment.id, 0)


def _silent(payment: Payment, silence: OutcomeUnknownError) -> Finding:
    if silence.__cause__ is None:  # it was reached, and is still at it
        return _finding(payment, Verdict.IN_FLIGHT, provider="still processing")
    return _finding(payment, Verdict.NOT_REACHED, provider=f"not reached: {silence.__cause__}")


def _in_pages(payments: QuerySet[Payment]) -> Iterable[Payment]:
    in_order = payments.order_by("id")
    page = list(in_order[:_PAGE])
    while page:
        yield from page
        page = list(in_order.filter(id__gt=page[-1].id)[:_PAGE])


def _finding(payment: Payment, verdict: Verdict, *, provider: str = "", entry: Entry | None = None, booked: int = 0) -> Finding:
    due = payment.refund_due - payment.refunded
    given_back = f", refunded {payment.refunded}" if 0 < payment.refunded < payment.amount else ""
    return Finding(
        payment_id=payment.id,
        rental_id=payment.rental_id,
        verdict=verdict,
        ours=f"{payment.state} {payment.amount} {payment.currency}{given_back}" + (f", refund due {due}" if due else ""),
        provider=provider or (_in_words(entry) if entry else ""),
        currency=payment.currency,
        held=entry.amount - entry.refunded if entry and entry.standing is Standing.CHARGED else 0,
        booked=booked,
    )


def _stranger(listed: Listed) -> Finding:
    entry = listed.entry
    name = listed.key or entry.reference
    return Finding(
        verdict=Verdict.NEEDS_PERSON,
        provider=f"{_in_words(entry)} as {name}",
        currency=entry.currency,
        held=entry.amount - entry.refunded,
    )


def _in_words(entry: Entry) -> str:
    refunded = f", refunded {entry.refunded}" if entry.refunded else ""
    return f"{entry.standing} {entry.amount} {entry.currency}{refunded}" if entry.amount else entry.standing.value
