"""What tests of this gateway do and expect in one line."""

from uuid import UUID

from apps.payments.contracts import ChargeRequest
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, RefundRecord
from apps.payments.gateways.toss.gateway import TossGateway

DEADLINE_S = 20.0
PAYMENT_KEY = "5zJ4xY7m0kODnyRpQWGrN2xqGlNvLrKwv1M9ENjbeoPaZdL6"
NOTHING = ChargeRecord(status=ChargeStatus.NOT_FOUND)
CONFIRM = "POST /v1/payments/confirm"
READ = f"GET /v1/payments/{PAYMENT_KEY}"
CANCEL = f"POST /v1/payments/{PAYMENT_KEY}/cancel"


def charge(gateway: TossGateway, wanted: ChargeRequest) -> ChargeRecord:
    return gateway.charge(request=wanted, deadline_s=DEADLINE_S)


def look_up(gateway: TossGateway, wanted: ChargeRequest) -> ChargeRecord:
    return gateway.lookup(request=wanted, deadline_s=DEADLINE_S)


def void(gateway: TossGateway, wanted: ChargeRequest) -> ChargeRecord:
    return gateway.void(request=wanted, deadline_s=DEADLINE_S)


def refund(gateway: TossGateway, wanted: ChargeRequest, refund_key: UUID, amount: int = 8_000) -> RefundRecord:
    return gateway.refund(request=wanted, refund_key=refund_key, amount=amount, deadline_s=DEADLINE_S)


def charged(*, refunded: int = 0) -> ChargeRecord:
    return ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, refunded=refunded, currency="KRW", reference=PAYMENT_KEY)
