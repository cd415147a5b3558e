"""Webhooks to send, and the payments and ledger to check, for the webhook scenarios."""

import json
from datetime import datetime
from typing import Any

from rest_framework.test import APIClient

from apps.payments.events import PaymentApproved, PaymentDeclined, PaymentNoticed, PaymentNotSent
from apps.payments.models import Payment, Posting
from gdmarket import clock
from tests.log import recorded
from tests.unit.payments.fake_gateway import signature


def send_webhook(*, gateway: str = "provider", sent_at: datetime | None = None, signed: str | None = None, **about: Any) -> Any:
    """Send a webhook `about` a payment, with the provider's signature unless another is given."""
    body = json.dumps({"sent_at": (sent_at or clock.now()).isoformat()} | {name: str(value) for name, value in about.items()}).encode()
    return send_bytes(body, gateway=gateway, signed=signed)


def send_bytes(
    body: bytes,
    *,
    gateway: str = "provider",
    signed: str | None = None,
    content_type: str = "application/json",
    **headers: Any,
) -> Any:
    """Send any bytes as a webhook, without a session and with CSRF checks on."""
    return APIClient(enforce_csrf_checks=True).post(
        f"/api/v1/payments/webhooks/{gateway}",
        data=body,
        content_type=content_type,
        headers={"Provider-Signature": signature(body) if signed is None else signed, **headers},
    )


def payment_of(rental: dict[str, Any]) -> Payment:
    return Payment.objects.get(rental_id=rental["id"])


def outcomes() -> list[str]:
    """Return the names of the published outcomes of payments."""
    return [type(fact.event).__name__ for fact in recorded([PaymentApproved, PaymentDeclined, PaymentNotSent])]


def count_noticed() -> int:
    return len(recorded([PaymentNoticed]))


def ledger_entries() -> list[tuple[str, int]]:
    """Return the whole ledger in the order of the entries' names."""
    return list(Posting.objects.order_by("entry").values_list("entry", "amount"))
