"""Webhooks to send, and the payments and ledger to check, for the webhook scenarios."""

import json
from datetime import datetime
from typing import Any

from rest_framework.test import APIClient

from apps.payments.events import PaymentApproved, PaymentDeclined, PaymentNoticed
from apps.payments.models import Payment, Posting
from gdmarket import clock
from tests.log import recorded
from tests.unit.payments.fake_gateway import signature


def told(*, gateway: str = "provider", sent_at: datetime | None = None, signed: str | None = None, **about: Any) -> Any:
    """Let a webhook `about` something come in from nobody who is logged in, signed by the provider unless told otherwise."""
    body = json.dumps({"sent_at": (sent_at or clock.now()).isoformat()} | {name: str(value) for name, value in about.items()}).encode()
    return sent(body, gateway=gateway, signed=signed)


def sent(
    body: bytes,
    *,
    gateway: str = "provider",
    signed: str | None = None,
    content_type: str = "application/json",
    **headers: Any,
) -> Any:
    """Let any bytes come in, from a client that would notice a need for a token against forged forms."""
    return APIClient(enforce_csrf_checks=True).post(
        f"/api/v1/payments/webhooks/{gateway}",
        data=body,
        content_type=content_type,
        headers={"Provider-Signature": signature(body) if signed is None else signed, **headers},
    )


def payment_of(rental: dict[str, Any]) -> Payment:
    """Return the one payment of a rental."""
    return Payment.objects.get(rental_id=rental["id"])


def ends() -> list[str]:
    """Return how payments were told to have ended."""
    return [type(fact.event).__name__ for fact in recorded([PaymentApproved, PaymentDeclined])]


def notices() -> int:
    """Return how often a webhook was found to be about a payment that is waited for."""
    return len(recorded([PaymentNoticed]))


def booked() -> list[tuple[str, int]]:
    """Return the whole ledger, by the names of the reasons."""
    return list(Posting.objects.order_by("entry").values_list("entry", "amount"))
