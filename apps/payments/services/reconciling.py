"""Comparing our payments and the ledger with the provider's own list: what is safe is repaired, the rest is for a person.

First what is open is settled and what is due is given back. Then every charge on the provider's list is held against our payment and
what the ledger booked for it; then what we hold to be charged and the list did not show is looked up.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from uuid import UUID

from django.db.models import QuerySet

from apps.payments import domain, queries
from apps.payments.domain import UNSETTLED, PaymentState, RefundState
from apps.payments.errors import OutcomeUnknownError, PaymentDiffersError, RefundRefusedError
from apps.payments.gateways.port import ChargePage, ChargeRecord, ChargeStatus, ListedCharge, NoAnswerError
from apps.payments.models import Payment, Refund
from apps.payments.services import checking, ledger, provider_calls, refunding
from apps.payments.services.findings import FindingVerdict, PaymentFinding, found, unmatched_charge

_PAGE = 500
# The list is asked for up to a day from now: the provider's clock need not be ours.
_CLOCKS_DIFFER = timedelta(days=1)
_EVER = datetime(2000, 1, 1, tzinfo=UTC)
# Whoever answers none of so many questions in a row will not answer the next.
_MOST_SILENT = 5
# A page of a list is long, and one provider's is many calls.
_LIST_TIMES = 10


@dataclass(slots=True)
class _Run:
    now: datetime
    since: datetime
    until: datetime
    is_dry: bool
    told: set[UUID] = field(default_factory=set)
    silent: int = 0

    def within(self, payments: QuerySet[Payment]) -> QuerySet[Payment]:
        return payments.filter(created_at__gte=self.since, created_at__lte=self.until)


def reconcile_payments(
    *, now: datetime, since: datetime | None = None, older_than_s: float = 0.0, dry_run: bool = False
) -> Iterator[PaymentFinding]:
    """Settle what is open, and compare every payment made from `since` to `older_than_s` seconds ago with the provider's list.

    What is open is settled however old it is. With `dry_run` the provider is only read and nothing changes. Ends when the provider cannot
    be asked at all, or gives no answer five times in a row; one payment that it gives none about keeps no other from its turn. Call it
    outside any transaction; two at once do no harm.
    """
    run = _Run(now=now, since=since or _EVER, until=now - timedelta(seconds=older_than_s), is_dry=dry_run)
    for step in (_settle_open, _compare_listed, _compare_rest):
        for finding in step(run):
            yield finding
            run.silent = run.silent + 1 if finding.verdict is FindingVerdict.NOT_REACHED else 0
            if run.silent >= _MOST_SILENT:
                return


def _settle_open(run: _Run) -> Iterator[PaymentFinding]:
    due = Refund.objects.filter(state=RefundState.PENDING).values("payment")
    older = Payment.objects.filter(created_at__lte=run.until)
    for payment in chain(_in_pages(older.filter(state__in=UNSETTLED)), _in_pages(older.filter(id__in=due, state__in=domain.CHARGED))):
        run.told.add(payment.id)
        try:
            yield _settle(payment, run) if payment.state in UNSETTLED else _refund(payment, run)
        except OutcomeUnknownError as silence:
            yield _silent(payment, silence, run)
        except PaymentDiffersError:
            yield from _told_again(payment, "", run)
        except RefundRefusedError as refusal:
            yield from _told_again(payment, f"refuses the refund: {refusal.details['reason']}", run)


def _told_again(payment: Payment, provider: str, run: _Run) -> Iterator[PaymentFinding]:
    try:
        yield found(payment, FindingVerdict.NEEDS_PERSON, provider=provider, record=_look_up(payment), booked=_booked(payment))
    except OutcomeUnknownError as silence:
        yield _silent(payment, silence, run)


def _settle(payment: Payment, run: _Run) -> PaymentFinding:
    if payment.state == PaymentState.PENDING and payment.created_at + provider_calls.check_delay() > run.now:
        return found(payment, FindingVerdict.IN_FLIGHT, provider="being asked")
    record = _look_up(payment)
    if record.status is ChargeStatus.CHARGED and not _is_our_sum(payment, record):
        return found(payment, FindingVerdict.NEEDS_PERSON, record=record)
    if run.is_dry:
        return found(payment, FindingVerdict.WOULD_REPAIR, record=record)
    settled = checking.check_payment(payment_id=payment.id, now=run.now)
    return found(payment, FindingVerdict.REPAIRED, provider=f"now {settled.state}", record=_look_up(payment), booked=_booked(payment))


def _refund(payment: Payment, run: _Run) -> PaymentFinding:
    if run.is_dry:
        record = _look_up(payment)
        # More given back than we know of may well be a refund of ours whose answer was lost.
        is_possible = record.status is ChargeStatus.CHARGED and _is_our_sum(payment, record) and record.refunded <= payment.refund_due
        return found(payment, FindingVerdict.WOULD_REPAIR if is_possible else FindingVerdict.NEEDS_PERSON, record=record)
    ledger.post_missing(payment_id=payment.id, now=run.now)
    refused: RefundRefusedError | None = None
    for refund in payment.refunds.filter(state=RefundState.PENDING).order_by("created_at", "id"):
        try:
            refunding.send_refund(refund_id=refund.id, now=run.now)
        except RefundRefusedError as refusal:
            refused = refusal
    if refused is not None:
        raise refused
    return found(payment, FindingVerdict.REPAIRED, provider="now refunded", record=_look_up(payment), booked=_booked(payment))


def _compare_listed(run: _Run) -> Iterator[PaymentFinding]:
    try:
        for page in _pages_of_list(run):
            yield from _compare_page(page, run)
    except OutcomeUnknownError as silence:
        run.silent = _MOST_SILENT
        yield PaymentFinding(verdict=FindingVerdict.NOT_REACHED, ours="", provider=f"its list was not reached: {silence.__cause__}")


def _pages_of_list(run: _Run) -> Iterator[ChargePage]:
    until, cursor = run.now + _CLOCKS_DIFFER, ""
    while True:
        page = provider_calls.ask_again(
            lambda gateway, deadline_s, cursor=cursor: gateway.list_charges(  # type: ignore[misc]  # mypy infers no default argument
                since=run.since, until=until, cursor=cursor, deadline_s=_LIST_TIMES * deadline_s
            ),
            tries=1,
        )
        yield page
        if page.cursor in {"", cursor}:
            return
        cursor = page.cursor


def _compare_page(page: ChargePage, run: _Run) -> Iterator[PaymentFinding]:
    ours = queries.list_meant(
        keys=[row.payment_id for row in page.charges if row.payment_id],
        references=[row.record.reference for row in page.charges],
        orders=[row.rental_id for row in page.charges if row.rental_id and not row.payment_id],
    )
    booked = queries.held_by_ledger(payment_ids=[payment.id for payment in ours])
    for listed in page.charges:
        payment = _payment_of(listed, ours)
        if payment is None:
            yield unmatched_charge(listed)
        elif payment.id not in run.told and payment.created_at <= run.until:
            run.told.add(payment.id)
            held = booked.get(payment.id, 0)
            if _agree(payment, listed.record, booked=held):
                yield found(payment, FindingVerdict.AGREES, record=listed.record, booked=held)
            else:
                yield from _compared(payment, run)


def _payment_of(listed: ListedCharge, ours: Sequence[Payment]) -> Payment | None:
    """Return the payment that a charge pays for; None where it pays for none, be it a second one under the same key."""
    name = listed.record.reference
    for payment in ours:
        is_named = payment.provider_reference == name if payment.provider_reference and name else None
        if is_named or (payment.id == listed.payment_id and is_named is None):
            return payment
    if listed.payment_id is not None or listed.rental_id is None:
        return None
    # Of an unsettled payment the provider's name is not known yet; one that was given back before we knew of it was declined.
    meant = [payment for payment in ours if payment.rental_id == listed.rental_id and not payment.provider_reference]
    return next((payment for payment in meant if payment.state in UNSETTLED), None)


def _compare_rest(run: _Run) -> Iterator[PaymentFinding]:
    for payment in _in_pages(run.within(Payment.objects.exclude(state__in=UNSETTLED))):
        if payment.id in run.told:
            continue
        if payment.state in domain.CHARGED:
            yield from _compared(payment, run)
        else:  # not on the list, as it should be
            yield found(payment, FindingVerdict.AGREES, provider="no charge")


def _compared(payment: Payment, run: _Run) -> Iterator[PaymentFinding]:
    try:
        yield _compare(payment, run)
    except OutcomeUnknownError as silence:
        yield _silent(payment, silence, run)


def _compare(payment: Payment, run: _Run) -> PaymentFinding:
    """Compare once more, now: it may have moved on since it was read, which is no difference."""
    record, booked = _look_up(payment), _booked(payment)
    is_same = Payment.objects.filter(id=payment.id, version=payment.version, refund_due=payment.refund_due).exists()
    is_moving = payment.state in UNSETTLED or payment.refund_due > payment.refunded
    if not is_same or is_moving:
        return found(payment, FindingVerdict.IN_FLIGHT, record=record, booked=booked)
    if _agree(payment, record, booked=booked):
        return found(payment, FindingVerdict.AGREES, record=record, booked=booked)
    # Charged, as both say, and nothing of it booked: by a version from before the ledger.
    if _agree(payment, record, booked=record.amount - record.refunded) and not payment.postings.exists():
        if run.is_dry:
            return found(payment, FindingVerdict.WOULD_REPAIR, record=record)
        ledger.post_missing(payment_id=payment.id, now=run.now)
        return found(payment, FindingVerdict.REPAIRED, provider="now booked", record=record, booked=_booked(payment))
    return found(payment, FindingVerdict.NEEDS_PERSON, record=record, booked=booked)


def _agree(payment: Payment, record: ChargeRecord, *, booked: int) -> bool:
    if payment.state not in domain.CHARGED:
        return record.refunded == record.amount and booked == 0
    is_charged = record.status is ChargeStatus.CHARGED and _is_our_sum(payment, record)
    return is_charged and record.refunded == payment.refunded and booked == record.amount - record.refunded


def _is_our_sum(payment: Payment, record: ChargeRecord) -> bool:
    return (record.amount, record.currency) == (payment.amount, payment.currency)


def _look_up(payment: Payment) -> ChargeRecord:
    request = provider_calls.request_of(payment)
    return provider_calls.ask_again(lambda gateway, deadline_s: gateway.lookup(request=request, deadline_s=deadline_s), tries=1)


def _booked(payment: Payment) -> int:
    return queries.held_by_ledger(payment_ids=[payment.id]).get(payment.id, 0)


def _silent(payment: Payment, silence: OutcomeUnknownError, run: _Run) -> PaymentFinding:
    cause = silence.__cause__
    if cause is None:  # it was reached, and is still at it
        return found(payment, FindingVerdict.IN_FLIGHT, provider="still processing")
    if not isinstance(cause, NoAnswerError):  # nobody is asked just now, or nobody is there
        run.silent = _MOST_SILENT
    return found(payment, FindingVerdict.NOT_REACHED, provider=f"not reached: {cause}")


def _in_pages(payments: QuerySet[Payment]) -> Iterable[Payment]:
    in_order = payments.order_by("id")
    page = list(in_order[:_PAGE])
    while page:
        yield from page
        page = list(in_order.filter(id__gt=page[-1].id)[:_PAGE])
