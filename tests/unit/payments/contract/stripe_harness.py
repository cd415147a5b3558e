"""The Stripe stub. Its failures have tests of their own, as its errors are its own too."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from apps.payments.gateways.deadline_http import HttpResponse, decode
from apps.payments.gateways.port import ChargeRecord, ChargeStatus
from apps.payments.gateways.stripe.gateway import StripeGateway
from apps.payments.gateways.stripe.schemas import PaymentIntent, record_of
from apps.payments.gateways.stripe.session import PAGE
from tests.unit.payments.contract.harness import AdapterHarness, Feature
from tests.unit.payments.provider_stub import recorded
from tests.unit.payments.stripe.stub import SECRET, StripeStub

SECRETS = ("whsec_new", "whsec_old")


class StripeHarness(AdapterHarness):
    """Stripe's times are whole seconds."""

    unsupported = frozenset({Feature.SANDBOX_METHODS})
    good_method = "pm_card_visa"
    bad_method = "pm_declined"
    page = PAGE

    def __init__(self) -> None:
        self.stub = StripeStub()
        self.gateway = self._gateway = StripeGateway(base_url=self.stub.url, secret_key=SECRET, webhook_secrets=SECRETS)

    def record(self, key: UUID) -> ChargeRecord:
        name = self._name_of(key)
        if not name:
            return ChargeRecord(status=ChargeStatus.NOT_FOUND)
        return record_of(
            decode(HttpResponse(status=200, headers={}, body=json.dumps(self.stub.payments[name]).encode()), shape=PaymentIntent)
        )

    def now(self) -> datetime:
        return datetime.now(UTC).replace(microsecond=0)

    def close(self) -> None:
        self._gateway.close()
        self.stub.close()

    def webhook(self, key: UUID) -> bytes:
        about = {"id": self._name_of(key) or "pi_unknown", "object": "payment_intent", "metadata": {"gdmarket_payment": str(key)}}
        return json.dumps(recorded("stripe/event") | {"type": "payment_intent.succeeded", "data": {"object": about}}).encode()

    def sign(self, body: bytes, *, at: datetime, secret: int = 0) -> Mapping[str, str]:
        sent_at = int(at.timestamp())
        digest = hmac.new(SECRETS[secret].encode(), b"%d." % sent_at + body, hashlib.sha256).hexdigest()
        return {"content-type": "application/json", "stripe-signature": f"t={sent_at},v1={digest}"}

    def _name_of(self, key: UUID) -> str:
        names = (name for name, intent in self.stub.payments.items() if intent["metadata"]["gdmarket_payment"] == str(key))
        return next(names, "")
