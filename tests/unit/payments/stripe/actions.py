"""What tests of this gateway do and expect in one line."""

from uuid import UUID

from apps.payments.contracts import ChargeRequest
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, RefundRecord
from apps.payments.gateways.stripe.gateway import StripeGateway
from tests.unit.payments.stripe.stub import StripeStub

DEADLINE_S = 20.0
MAKE = "POST /v1/payment_intents"
CONFIRM = "POST /v1/payment_intents/pi_0000/confirm"
READ = "GET /v1/payment_intents/pi_0000"
REFUND = "POST /v1/refunds"
NOTHING = ChargeRecord(status=ChargeStatus.NOT_FOUND)
CHARGED = ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, currency="KRW", reference="pi_0000")
DECLINED = ChargeRecord(status=ChargeStatus.DECLINED, reason="insufficient_funds", reference="pi_0000")


def charge(gateway: StripeGateway, wanted: ChargeRequest) -> ChargeRecord:
    return gateway.charge(request=wanted, deadline_s=DEADLINE_S)


def look_up(gateway: StripeGateway, wanted: ChargeRequest) -> ChargeRecord:
    return gateway.lookup(request=wanted, deadline_s=DEADLINE_S)


def refund(gateway: StripeGateway, wanted: ChargeRequest, refund_key: UUID, amount: int = 8_000) -> RefundRecord:
    return gateway.refund(request=wanted, refund_key=refund_key, amount=amount, deadline_s=DEADLINE_S)


def succeeded(stripe: StripeStub) -> int:
    return sum(wanted["status"] == "succeeded" for wanted in stripe.payments.values())
