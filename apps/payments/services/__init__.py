"""Changing money: opening, charging, checking, giving back, comparing with the provider's book."""

from apps.payments.services.charging import charge_payment, open_payment
from apps.payments.services.checking import check_after_webhook, check_payment
from apps.payments.services.findings import FindingVerdict, PaymentFinding
from apps.payments.services.ledger_guard import ledger_guard_disabled
from apps.payments.services.provider_calls import accepts_method, closed_for_s
from apps.payments.services.reconciling import reconcile_payments
from apps.payments.services.refunding import record_partial_refund, record_refund, send_refund
from apps.payments.services.webhooks import receive_webhook

__all__ = [
    "FindingVerdict",
    "PaymentFinding",
    "accepts_method",
    "charge_payment",
    "check_after_webhook",
    "check_payment",
    "closed_for_s",
    "ledger_guard_disabled",
    "open_payment",
    "receive_webhook",
    "reconcile_payments",
    "record_partial_refund",
    "record_refund",
    "send_refund",
]
