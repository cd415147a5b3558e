"""Cash in a reconciliation: no provider has a record of it, so the ledger is compared with the payment itself."""

from datetime import datetime

from django.db.models import Q

from apps.payments import queries
from apps.payments.contracts import CASH
from apps.payments.domain import CHARGED, UNSETTLED, RefundState
from apps.payments.models import Payment
from apps.payments.services import checking, refunding
from apps.payments.services.findings import FindingVerdict, PaymentFinding, finding_of
from apps.payments.services.provider_calls import check_delay
from gdmarket import databases

IS_CASH = Q(method=CASH)
_DESK = "cash at the desk"


def check(payment: Payment, *, held: int, is_dry: bool, now: datetime) -> PaymentFinding:
    """Record what of a payment in cash a process that died did not, and compare the payment with what its manager holds by the ledger."""
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
    if held == _due(payment):
        return finding_of(payment, FindingVerdict.AGREES, provider=_DESK)
    # It may have changed between the two reads: it is read again before a person is called.
    with databases.transaction_for("payments"):
        payment = queries.get_payment(payment_id=payment.id, lock=True)
        held = queries.cash_by_ledger(payment_ids=[payment.id]).get(payment.id, 0)
    if held == _due(payment):
        return finding_of(payment, FindingVerdict.AGREES, provider=_DESK)
    return finding_of(payment, FindingVerdict.NEEDS_PERSON, provider=f"{_DESK}, {held} by the ledger")


def _due(payment: Payment) -> int:
    return payment.amount - payment.refunded if payment.state in CHARGED else 0
