"""Comparing our payments with the provider's book, one by one: what is safe is repaired, the rest is for a person."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from apps.payments.domain import UNSETTLED, PaymentState, RefundState
from apps.payments.errors import OutcomeUnknownError, PaymentDiffersError, RefundRefusedError
from apps.payments.gateways.port import Entry, Standing
from apps.payments.models import Payment, Refund
from apps.payments.services import asking, checking, refunding

_PAGE = 500


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
    """One payment compared; `ours` and `provider` say in words how it stands on each side."""

    payment_id: UUID
    rental_id: UUID
    verdict: Verdict
    ours: str
    provider: str


def reconcile_payments(*, now: datetime, older_than_s: float = 0.0, dry_run: bool = False) -> Iterator[Finding]:
    """Compare every payment made at least `older_than_s` seconds ago with the provider's book, oldest first, settling what is open.

    With `dry_run` the provider is only read and nothing changes. Ends at the first payment that the provider is not reached for.
    Call it outside any transaction; two at once do no harm.
    """
    for payment in _list_in_pages(until=now - timedelta(seconds=older_than_s)):
        finding = _reconcile(payment, now=now, dry_run=dry_run)
        yield finding
        if finding.verdict is Verdict.NOT_REACHED:
            return


def _list_in_pages(*, until: datetime) -> Iterator[Payment]:
    payments = Payment.objects.filter(created_at__lte=until).order_by("id")
    page = list(payments[:_PAGE])
    while page:
        yield from page
        page = list(payments.filter(id__gt=page[-1].id)[:_PAGE])


def _reconcile(payment: Payment, *, now: datetime, dry_run: bool) -> Finding:
    try:
        if payment.state in UNSETTLED:
            return _settle(payment, now=now, dry_run=dry_run)
        refund = payment.refunds.filter(state=RefundState.PENDING).first()
        if refund is not None:
            return _refund(payment, refund, now=now, dry_run=dry_run)
        return _compare(payment)
    except OutcomeUnknownError as silence:
        return _finding(payment, Verdict.NOT_REACHED, provider=f"not reached: {silence.__cause__}")
    except PaymentDiffersError as difference:
        return _finding(payment, Verdict.NEEDS_PERSON, provider=str(difference))
    except RefundRefusedError as refusal:
        return _finding(payment, Verdict.NEEDS_PERSON, provider=f"refuses the refund: {refusal.details['reason']}", refund_due=True)


def _settle(payment: Payment, *, now: datetime, dry_run: bool) -> Finding:
    if payment.state == PaymentState.PENDING and payment.created_at + asking.check_delay() > now:
        return _finding(payment, Verdict.IN_FLIGHT, provider="being asked")
    entry = _look_up(payment)
    if entry.standing is Standing.CHARGED and not _is_our_sum(payment, entry):
        return _finding(payment, Verdict.NEEDS_PERSON, provider=_in_words(entry))
    if dry_run:
        return _finding(payment, Verdict.WOULD_REPAIR, provider=_in_words(entry))
    settled = checking.check_payment(payment_id=payment.id, now=now)
    return _finding(payment, Verdict.REPAIRED, provider=f"now {settled.state}")


def _refund(payment: Payment, refund: Refund, *, now: datetime, dry_run: bool) -> Finding:
    if dry_run:
        entry = _look_up(payment)
        # All of it given back already may well be our own refund, whose answer was lost; a part of it never is.
        is_possible = entry.standing is Standing.CHARGED and _is_our_sum(payment, entry) and entry.refunded in {0, refund.amount}
        verdict = Verdict.WOULD_REPAIR if is_possible else Verdict.NEEDS_PERSON
        return _finding(payment, verdict, provider=_in_words(entry), refund_due=True)
    refunding.send_refund(refund_id=refund.id, now=now)
    return _finding(payment, Verdict.REPAIRED, provider="now refunded", refund_due=True)


def _compare(payment: Payment) -> Finding:
    entry = _look_up(payment)
    if _agree(payment, entry):
        return _finding(payment, Verdict.AGREES, provider=_in_words(entry))
    # It may have moved on between our reading it and the provider's answer: no difference then, the next run compares it.
    has_moved = (
        not Payment.objects.filter(id=payment.id, version=payment.version).exists()
        or payment.refunds.exclude(state=RefundState.REFUNDED).exists()
    )
    return _finding(payment, Verdict.IN_FLIGHT if has_moved else Verdict.NEEDS_PERSON, provider=_in_words(entry))


def _agree(payment: Payment, entry: Entry) -> bool:
    if payment.state in {PaymentState.DECLINED, PaymentState.NOT_SENT}:
        return entry.standing is not Standing.CHARGED
    return entry.standing is Standing.CHARGED and _is_our_sum(payment, entry) and entry.refunded == payment.refunded


def _is_our_sum(payment: Payment, entry: Entry) -> bool:
    return (entry.amount, entry.currency) == (payment.amount, payment.currency)


def _look_up(payment: Payment) -> Entry:
    intent = asking.intent_of(payment)
    return asking.ask_again(lambda gateway, deadline_s: gateway.lookup(intent=intent, deadline_s=deadline_s), tries=1)


def _finding(payment: Payment, verdict: Verdict, *, provider: str, refund_due: bool = False) -> Finding:
    ours = f"{payment.state} {payment.amount} {payment.currency}" + (", refund due" if refund_due else "")
    return Finding(payment_id=payment.id, rental_id=payment.rental_id, verdict=verdict, ours=ours, provider=provider)


def _in_words(entry: Entry) -> str:
    refunded = f", refunded {entry.refunded}" if entry.refunded else ""
    return f"{entry.standing} {entry.amount} {entry.currency}{refunded}" if entry.amount else entry.standing.value
