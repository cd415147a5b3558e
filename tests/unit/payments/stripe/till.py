"""What tests of this gateway do and expect in one line."""

from uuid import UUID

from apps.payments.gateways.port import Entry, Intent, RefundEntry, Standing
from apps.payments.gateways.stripe import StripeGateway
from tests.unit.payments.stripe.replica import StripeReplica

DEADLINE_S = 20.0
MAKE = "POST /v1/payment_intents"
CONFIRM = "POST /v1/payment_intents/pi_0000/confirm"
READ = "GET /v1/payment_intents/pi_0000"
REFUND = "POST /v1/refunds"
NOTHING = Entry(standing=Standing.NOT_FOUND)
CHARGED = Entry(standing=Standing.CHARGED, amount=8_000, currency="KRW", reference="pi_0000")
DECLINED = Entry(standing=Standing.DECLINED, reason="insufficient_funds", reference="pi_0000")


def charge(gateway: StripeGateway, intent: Intent) -> Entry:
    return gateway.charge(intent=intent, deadline_s=DEADLINE_S)


def look_up(gateway: StripeGateway, intent: Intent) -> Entry:
    return gateway.lookup(intent=intent, deadline_s=DEADLINE_S)


def refund(gateway: StripeGateway, intent: Intent, refund_key: UUID, amount: int = 8_000) -> RefundEntry:
    return gateway.refund(intent=intent, refund_key=refund_key, amount=amount, deadline_s=DEADLINE_S)


def succeeded(stripe: StripeReplica) -> int:
    return sum(intent["status"] == "succeeded" for intent in stripe.book.values())
