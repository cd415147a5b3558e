"""Comparing our payments and the ledger with the provider's own list: what is safe is repaired, the rest is left for a person.

First, open payments are settled and due refunds requested. Then every charge on the provider's list is compared with our payment and
its ledger postings. Last, payments that we hold to be charged and the list did not show are looked up.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.payments import domain, queries
from apps.payments.contracts import CASH
from apps.payments.domain import UNSETTLED, PaymentState, RefundState
from apps.payments.errors import OutcomeUnknownError, PaymentDiffersError, RefundRefusedError
from apps.payments.gateways.port import ChargePage, ChargeRecord, ChargeStatus, ListedCharge, NoAnswerError
from apps.payments.models import Payment, Refund
from apps.payments.services import cash, checking, ledger, refunding
from apps.payments.services.findings import FindingVerdict, PaymentFinding, finding_of, unmatched_charge
from apps.payments.services.provider_calls import GuardedGateway, check_delay

_PAGE = 500
# The list is read up to a day from now, as the provider's clock may differ from ours.
_CLOCK_TOLERANCE = timedelta(days=1)
_EVER = datetime(2000, 1, 1, tzinfo=UTC)
_PROVIDER = GuardedGateway(tries=1)
# A provider that answered none of so many calls in a row is not called again.
_MOST_UNANSWERED = 5


@dataclass(slots=True)
class _Run:
    now: datetime
    since: datetime
    until: datetime
    is_dry: bool
    seen: set[UUID] = field(default_factory=set)
    unanswered: int = 0

    def is_within(self) -> Q:
        return Q(created_at__gte=self.since, created_at__lte=self.until)


def reconcile_payments(
    *, now: datetime, since: datetime | None = None, older_than_s: float = 0.0, dry_run: bool = False
) -> Iterator[PaymentFinding]:
    """Settle what is open, and compare every payment made from `since` to `older_than_s` seconds ago with the provider's list.

    Open payments are settled however old they are, and cash is compared with the ledger alone. With `dry_run` the provider is only read and
    nothing changes. Ends early when the provider cannot be reached, or gives no answer five times in a row. Call it outside any
    transaction; concurrent runs do no harm.
    """
    run = _Run(now=now, since=since or _EVER, until=now - timedelta(seconds=older_than_s), is_dry=dry_run)
    for step in (_check_cash, _settle_open, _compare_listed, _compare_rest):
        for finding in step(run):
            yield finding
            run.unanswered = run.unanswered + 1 if finding.verdict is FindingVerdict.NOT_REACHED else 0
            if run.unanswered >= _MOST_UNANSWERED:
                return


def _check_cash(run: _Run) -> Iterator[PaymentFinding]:
    of_cash, due = Payment.objects.filter(cash.IS_CASH), Refund.objects.filter(state=RefundState.PENDING).values("payment")
    is_open = (of_cash.filter(state__in=UNSETTLED), of_cash.filter(id__in=due))
    for page in chain(*map(_pages, is_open), _pages_by_time(of_cash.filter(run.is_within()))):
        held = queries.cash_by_ledger(payment_ids=[payment.id for payment in page])
        for payment in page:
            if payment.id not in run.seen:
                run.seen.add(payment.id)
                yield cash.check(payment, held=held.get(payment.id, 0), is_dry=run.is_dry, now=run.now)


def _settle_open(run: _Run) -> Iterator[PaymentFinding]:
    due = Refund.objects.filter(state=RefundState.PENDING).values("payment")
    older = Payment.objects.filter(created_at__lte=run.until).exclude(cash.IS_CASH)
    for payment in chain(_in_pages(older.filter(state__in=UNSETTLED)), _in_pages(older.filter(id__in=due, state__in=domain.CHARGED))):
        run.seen.add(payment.id)
        try:
            yield _settle(payment, run) if payment.state in UNSETTLED else _refund(payment, run)
        except OutcomeUnknownError as silence:
            yield _unanswered(payment, silence, run)
        except PaymentDiffersError:
            yield from _needs_person(payment, "", run)
        except RefundRefusedError as refusal:
            yield from _needs_person(payment, f"refuses the refund: {refusal.details['reason']}", run)


def _needs_person(payment: Payment, provider: str, run: _Run) -> Iterator[PaymentFinding]:
    try:
        yield finding_of(payment, FindingVerdict.NEEDS_PERSON, provider=provider, record=_look_up(payment), booked=_booked(payment))
    except OutcomeUnknownError as silence:
        yield _unanswered(payment, silence, run)


def _settle(payment: Payment, run: _Run) -> PaymentFinding:
    if payment.state == PaymentState.PENDING and payment.created_at + check_delay() > run.now:
        return finding_of(payment, FindingVerdict.IN_FLIGHT, provider="being asked")
    record = _look_up(payment)
    if record.status is ChargeStatus.CHARGED and not _is_our_sum(payment, record):
        return finding_of(payment, FindingVerdict.NEEDS_PERSON, record=record)
    if run.is_dry:
        return finding_of(payment, FindingVerdict.WOULD_REPAIR, record=record)
    settled = checking.check_payment(payment_id=payment.id, now=run.now)
    return finding_of(payment, FindingVerdict.REPAIRED, provider=f"now {settled.state}", record=_look_up(payment), booked=_booked(payment))


def _refund(payment: Payment, run: _Run) -> PaymentFinding:
    if run.is_dry:
        record = _look_up(payment)
        # More refunded than we know of may be a refund of ours whose answer was lost.
        is_possible = record.status is ChargeStatus.CHARGED and _is_our_sum(payment, record) and record.refunded <= payment.refund_due
        return finding_of(payment, FindingVerdict.WOULD_REPAIR if is_possible else FindingVerdict.NEEDS_PERSON, record=record)
    ledger.post_missing(payment_id=payment.id, now=run.now)
    refused: RefundRefusedError | None = None
    for refund in payment.refunds.filter(state=RefundState.PENDING).order_by("created_at", "id"):
        try:
            refunding.send_refund(refund_id=refund.id, now=run.now)
        except RefundRefusedError as refusal:
            refused = refusal
    if refused is not None:
        raise refused
    return finding_of(payment, FindingVerdict.REPAIRED, provider="now refunded", record=_look_up(payment), booked=_booked(payment))


def _compare_listed(run: _Run) -> Iterator[PaymentFinding]:
    cursor, is_last = "", False
    while not is_last:
        try:
            page = _PROVIDER.list_charges(since=run.since, until=run.now + _CLOCK_TOLERANCE, cursor=cursor)
        except OutcomeUnknownError as silence:
            run.unanswered = _MOST_UNANSWERED
            yield PaymentFinding(verdict=FindingVerdict.NOT_REACHED, ours="", provider=f"its list was not reached: {silence.__cause__}")
            return
        yield from _compare_page(page, run)
        cursor, is_last = page.cursor, page.cursor in {"", cursor}


def _compare_page(page: ChargePage, run: _Run) -> Iterator[PaymentFinding]:
    ours = queries.list_matching(
        keys=[row.payment_id for row in page.charges if row.payment_id],
        references=[row.record.reference for row in page.charges],
        orders=[row.rental_id for row in page.charges if row.rental_id and not row.payment_id],
    )
    booked = queries.held_by_ledger(payment_ids=[payment.id for payment in ours])
    for listed in page.charges:
        payment = _payment_of(listed, ours)
        if payment is None:
            yield unmatched_charge(listed)
        elif payment.id not in run.seen and payment.created_at <= run.until:
            run.seen.add(payment.id)
            held = booked.get(payment.id, 0)
            if _agree(payment, listed.record, booked=held):
                yield finding_of(payment, FindingVerdict.AGREES, record=listed.record, booked=held)
            else:
                yield from _compare(payment, run)


def _payment_of(listed: ListedCharge, ours: Sequence[Payment]) -> Payment | None:
    """Return the payment that a charge pays for, or None; a second charge under the same key pays for none."""
    name = listed.record.reference
    for payment in ours:
        is_named = payment.provider_reference == name if payment.provider_reference and name else None
        if is_named or (payment.id == listed.payment_id and is_named is None):
            return payment
    if listed.payment_id is not None or listed.rental_id is None:
        return None
    # The provider's reference of an unsettled payment is not known yet; one refunded before we knew of it was declined.
    same_rental = [payment for payment in ours if payment.rental_id == listed.rental_id and not payment.provider_reference]
    return next((payment for payment in same_rental if payment.state in UNSETTLED), None)


def _compare_rest(run: _Run) -> Iterator[PaymentFinding]:
    for payment in _in_pages(Payment.objects.filter(run.is_within()).exclude(state__in=UNSETTLED)):
        if payment.id in run.seen or payment.method == CASH:
            continue
        if payment.state in domain.CHARGED:
            yield from _compare(payment, run)
        else:  # rightly not on the list
            yield finding_of(payment, FindingVerdict.AGREES, provider="no charge")


def _compare(payment: Payment, run: _Run) -> Iterator[PaymentFinding]:
    try:
        yield _compare_now(payment, run)
    except OutcomeUnknownError as silence:
        yield _unanswered(payment, silence, run)


def _compare_now(payment: Payment, run: _Run) -> PaymentFinding:
    """Look the payment up and compare again: if it changed since it was read, that is no difference."""
    record, booked = _look_up(payment), _booked(payment)
    is_same = Payment.objects.filter(id=payment.id, version=payment.version, refund_due=payment.refund_due).exists()
    is_moving = payment.state in UNSETTLED or payment.refund_due > payment.refunded
    if not is_same or is_moving:
        return finding_of(payment, FindingVerdict.IN_FLIGHT, record=record, booked=booked)
    if _agree(payment, record, booked=booked):
        return finding_of(payment, FindingVerdict.AGREES, record=record, booked=booked)
    # Charged on both sides and not posted at all: recorded by a version without the ledger.
    if _agree(payment, record, booked=record.amount - record.refunded) and not payment.postings.exists():
        if run.is_dry:
            return finding_of(payment, FindingVerdict.WOULD_REPAIR, record=record)
        ledger.post_missing(payment_id=payment.id, now=run.now)
        return finding_of(payment, FindingVerdict.REPAIRED, provider="now booked", record=record, booked=_booked(payment))
    return finding_of(payment, FindingVerdict.NEEDS_PERSON, record=record, booked=booked)


def _agree(payment: Payment, record: ChargeRecord, *, booked: int) -> bool:
    if payment.state not in domain.CHARGED:
        return record.refunded == record.amount and booked == 0
    is_charged = record.status is ChargeStatus.CHARGED and _is_our_sum(payment, record)
    return is_charged and record.refunded == payment.refunded and booked == record.amount - record.refunded


def _is_our_sum(payment: Payment, record: ChargeRecord) -> bool:
    return (record.amount, record.currency) == (payment.amount, payment.currency)


def _look_up(payment: Payment) -> ChargeRecord:
    return _PROVIDER.lookup(request=queries.charge_request(payment=payment))


def _booked(payment: Payment) -> int:
    return queries.held_by_ledger(payment_ids=[payment.id]).get(payment.id, 0)


def _unanswered(payment: Payment, silence: OutcomeUnknownError, run: _Run) -> PaymentFinding:
    cause = silence.__cause__
    if cause is None:  # it answered that it is still processing
        return finding_of(payment, FindingVerdict.IN_FLIGHT, provider="still processing")
    if not isinstance(cause, NoAnswerError):  # the breaker is open, or the provider cannot be reached
        run.unanswered = _MOST_UNANSWERED
    return finding_of(payment, FindingVerdict.NOT_REACHED, provider=f"not reached: {cause}")


def _in_pages(payments: QuerySet[Payment]) -> Iterable[Payment]:
    return chain.from_iterable(_pages(payments))


def _pages(payments: QuerySet[Payment]) -> Iterator[list[Payment]]:
    in_order = payments.order_by("id")
    page = list(in_order[:_PAGE])
    while page:
        yield page
        page = list(in_order.filter(id__gt=page[-1].id)[:_PAGE])


def _pages_by_time(payments: QuerySet[Payment]) -> Iterator[list[Payment]]:
    in_order = payments.order_by("created_at", "id")
    page = list(in_order[:_PAGE])
    while page:
        yield page
        at, last = page[-1].created_at, page[-1].id
        page = list(in_order.filter(Q(created_at__gt=at) | Q(created_at=at, id__gt=last), created_at__gte=at)[:_PAGE])
