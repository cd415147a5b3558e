"""Calls to any gateway, with ample time unless a deadline is given, and the records of what was never charged."""

from uuid import UUID

from apps.payments.contracts import ChargeRequest
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, PaymentGateway, RefundRecord
from gdmarket import ids

AMPLE_S = 20.0
NOTHING = ChargeRecord(status=ChargeStatus.NOT_FOUND)
VOIDED = ChargeRecord(status=ChargeStatus.VOIDED)


def charge(gateway: PaymentGateway, request: ChargeRequest, *, deadline_s: float = AMPLE_S) -> ChargeRecord:
    return gateway.charge(request=request, deadline_s=deadline_s)


def look_up(gateway: PaymentGateway, request: ChargeRequest, *, deadline_s: float = AMPLE_S) -> ChargeRecord:
    return gateway.lookup(request=request, deadline_s=deadline_s)


def void(gateway: PaymentGateway, request: ChargeRequest, *, deadline_s: float = AMPLE_S) -> ChargeRecord:
    return gateway.void(request=request, deadline_s=deadline_s)


def refund(
    gateway: PaymentGateway, request: ChargeRequest, refund_key: UUID | None = None, amount: int = 8_000, *, deadline_s: float = AMPLE_S
) -> RefundRecord:
    return gateway.refund(request=request, refund_key=refund_key or ids.uuid7(), amount=amount, deadline_s=deadline_s)
