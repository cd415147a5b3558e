"""Changing money: opening, charging, checking, giving back, comparing with the provider's book."""

from apps.payments.services.asking import accepts_method, closed_for_s
from apps.payments.services.charging import charge_payment, open_payment
from apps.payments.services.checking import check_payment, heed_notice
from apps.payments.services.findings import Finding, Verdict
from apps.payments.services.noticing import take_notice
from apps.payments.services.reconciling import reconcile_payments
from apps.payments.services.refunding import record_partial_refund, record_refund, send_refund
from apps.payments.services.unguarding import unguarded_ledger

__all__ = [
    "Finding",
    "Verdict",
    "accepts_method",
    "charge_payment",
    "check_payment",
    "closed_for_s",
    "heed_notice",
    "open_payment",
    "reconcile_payments",
    "record_partial_refund",
    "record_refund",
    "send_refund",
    "take_notice",
    "unguarded_ledger",
]
