"""Cash in a reconciliation: no provider has a record of it, so the ledger is compared with the payment itself."""

from datetime import datetime

from django.db.models import F, Q

from apps.payments import queries
from apps.payments.contracts import CASH
from apps.payments.domain import CHARGED, UNSETTLED, RefundState
from apps.payments.models import Payment
from apps.payments.services import checking, refunding
from apps.payments.services.findings import FindingVerdict, PaymentFinding, finding_of
from apps.payments.services.provider_calls import check_delay

IS_CASH = Q(method=CASH)
IS_OPEN = Q(state__in=UNSETTLED) | Q(refund_due__gt=F("refunded"))
_DESK = "cash at the desk"


def check(payment: Payment, *, is_dry: bool, now: datetime) -> PaymentFinding:
    """Record what of a payment in cash a process that died did not, and compare the ledger with the payment."""
    if payment.state in UNSETTLED and payment.created_at + check_delay() > now:
        return finding_of(payment, FindingVerdict.IN_FLIGHT, provider=_DESK)
    is_open = payment.state in UNSETTLED or payment.refund_due > payment.refunded
    if is_open and is_dry:
        return finding_of(payment, FindingVerdict.WOULD_REPAIR, provider=_DESK)
    if is_open:
        settled = checking.check_payment(payment_id=payment.id, now=now)
        for refund in payment.refunds.filter(state=RefundState.PENDING).order_by("created_at", "id"):
            refunding.send_refund(refund_id=refund.id, now=now)
        return finding_of(payment, FindingVerdict.REPAIRED, provider=f"{_DESK}, now {settled.state}")
    held = queries.cash_by_ledger(payment_ids=[payment.id]).get(payment.id, 0)
    due = payment.amount - payment.refunded if payment.state in CHARGED else 0
    if held == due:
        return finding_of(payment, FindingVerdict.AGREES, provider=_DESK)
    return finding_of(payment, FindingVerdict.NEEDS_PERSON, provider=f"{_DESK}, {held} by the ledger")
