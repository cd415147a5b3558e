"""Which of Toss Payments' error codes settle a call. Every other one settles nothing, and the payment is read again.

Source: docs.tosspayments.com/reference/error-codes, "결제 승인", "결제 취소".
"""

from apps.payments.contracts import AmountRefusal

# Approving the payment was refused for good: nothing was charged, and nothing will be under this key.
DECLINED = frozenset(
    {
        "BELOW_MINIMUM_AMOUNT",
        "EXCEED_MAX_AMOUNT",
        "EXCEED_MAX_AUTH_COUNT",
        "EXCEED_MAX_CARD_INSTALLMENT_PLAN",
        "EXCEED_MAX_DAILY_PAYMENT_COUNT",
        "EXCEED_MAX_MONTHLY_PAYMENT_AMOUNT",
        "EXCEED_MAX_ONE_DAY_AMOUNT",
        "EXCEED_MAX_ONE_DAY_WITHDRAW_AMOUNT",
        "EXCEED_MAX_ONE_TIME_WITHDRAW_AMOUNT",
        "EXCEED_MAX_PAYMENT_AMOUNT",
        "FDS_ERROR",
        "INVALID_ACCOUNT_INFO_RE_REGISTER",
        "INVALID_AUTHORIZE_AUTH",
        "INVALID_CARD_EXPIRATION",
        "INVALID_CARD_INSTALLMENT_PLAN",
        "INVALID_CARD_LOST_OR_STOLEN",
        "INVALID_CARD_NUMBER",
        "INVALID_PASSWORD",
        "INVALID_REJECT_CARD",
        "INVALID_REQUEST",  # what the renter's app passed on is not what Toss knows: another amount, another order
        "INVALID_STOPPED_CARD",
        "NOT_ALLOWED_POINT_USE",
        "NOT_AVAILABLE_BANK",
        "NOT_AVAILABLE_PAYMENT",
        "NOT_FOUND_PAYMENT",
        "NOT_FOUND_PAYMENT_SESSION",
        "NOT_SUPPORTED_INSTALLMENT_PLAN_CARD_OR_MERCHANT",
        "NOT_SUPPORTED_MONTHLY_INSTALLMENT_PLAN",
        "REJECT_ACCOUNT_PAYMENT",
        "REJECT_CARD_COMPANY",
        "REJECT_CARD_PAYMENT",
        "REJECT_TOSSPAY_INVALID_ACCOUNT",
        "RESTRICTED_TRANSFER_ACCOUNT",
        "UNAPPROVED_ORDER_ID",
    }
)
_REASONS = {
    "NOT_FOUND_PAYMENT_SESSION": "expired",
    # Toss never takes such a sum.
    "BELOW_MINIMUM_AMOUNT": AmountRefusal.TOO_SMALL.value,
    "EXCEED_MAX_AMOUNT": AmountRefusal.TOO_LARGE.value,
}

# Giving money back was refused: nothing was given back.
REFUND_REFUSED = frozenset(
    {
        "ALREADY_CANCELED_PAYMENT",
        "ALREADY_REFUND_PAYMENT",
        "EXCEED_CANCEL_AMOUNT_DISCOUNT_AMOUNT",
        "EXCEED_MAX_REFUND_DUE",
        "FORBIDDEN_BANK_REFUND_REQUEST",
        "INVALID_BANK",
        "INVALID_REFUND_ACCOUNT_INFO",
        "INVALID_REFUND_ACCOUNT_NUMBER",
        "INVALID_REQUEST",
        "NOT_ALLOWED_PARTIAL_REFUND",
        "NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT",
        "NOT_CANCELABLE_AMOUNT",
        "NOT_CANCELABLE_PAYMENT",
        "NOT_CANCELABLE_PAYMENT_FOR_DORMANT_USER",
        "NOT_FOUND_PAYMENT",
        "NOT_MATCHES_REFUNDABLE_AMOUNT",
        "REFUND_REJECTED",
    }
)

# Toss does not know us: our settings or our contract are not right, and nothing was done.
NOT_US = frozenset(
    {
        "FORBIDDEN_REQUEST",
        "INCORRECT_BASIC_AUTH_FORMAT",
        "INVALID_API_KEY",
        "INVALID_IDEMPOTENCY_KEY",
        "INVALID_UNREGISTERED_SUBMALL",
        "NOT_FOUND_TERMINAL_ID",
        "NOT_REGISTERED_BUSINESS",
        "UNAUTHORIZED_KEY",
    }
)


def decline_reason(code: str) -> str:
    """Return the reason of a decline that we give for a code of Toss's."""
    return _REASONS.get(code, code.lower())
