"""What tests of this gateway do and expect in one line."""

from uuid import UUID

from apps.payments.gateways.port import Entry, Intent, RefundEntry, Standing
from apps.payments.gateways.toss import TossGateway

DEADLINE_S = 20.0
PAYMENT_KEY = "5zJ4xY7m0kODnyRpQWGrN2xqGlNvLrKwv1M9ENjbeoPaZdL6"
NOTHING = Entry(standing=Standing.NOT_FOUND)
CONFIRM = "POST /v1/payments/confirm"
READ = f"GET /v1/payments/{PAYMENT_KEY}"
CANCEL = f"POST /v1/payments/{PAYMENT_KEY}/cancel"


def charge(gateway: TossGateway, intent: Intent) -> Entry:
    return gateway.charge(intent=intent, deadline_s=DEADLINE_S)


def look_up(gateway: TossGateway, intent: Intent) -> Entry:
    return gateway.lookup(intent=intent, deadline_s=DEADLINE_S)


def void(gateway: TossGateway, intent: Intent) -> Entry:
    return gateway.void(intent=intent, deadline_s=DEADLINE_S)


def refund(gateway: TossGateway, intent: Intent, refund_key: UUID, amount: int = 8_000) -> RefundEntry:
    return gateway.refund(intent=intent, refund_key=refund_key, amount=amount, deadline_s=DEADLINE_S)


def charged(*, refunded: int = 0) -> Entry:
    return Entry(standing=Standing.CHARGED, amount=8_000, refunded=refunded, currency="KRW", reference=PAYMENT_KEY)
