"""Stripe's webhooks: which are accepted, and which payment they name."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import stripe

from apps.payments.errors import WebhookRefusedError
from apps.payments.gateways.port import WebhookHint
from apps.payments.gateways.stripe.gateway import StripeGateway
from tests.unit.payments.provider_stub import recorded

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
NEW, OLD = "whsec_new", "whsec_old"
KEY = UUID("01970000-0000-7000-8000-000000000001")


OURS = {"gdmarket_payment": str(KEY)}


@pytest.fixture
def gateway() -> StripeGateway:
    return StripeGateway(base_url="https://api.stripe.com", secret_key="sk_test", webhook_secrets=[NEW, OLD])


def event(kind: str = "charge.refund.updated", **changes: Any) -> bytes:
    """Return the recorded event, with its object changed."""
    recording = recorded("stripe/event")
    recording["data"]["object"] |= changes
    return json.dumps(recording | {"type": kind}).encode()


def signed(body: bytes, *, secret: str = NEW, at: datetime = NOON) -> dict[str, str]:
    return {"stripe-signature": stripe.WebhookSignature.generate_signature_header(body.decode(), secret, int(at.timestamp()))}


def read(gateway: StripeGateway, body: bytes, headers: dict[str, str] | None = None, *, now: datetime = NOON) -> WebhookHint | None:
    return gateway.read_webhook(headers=signed(body) if headers is None else headers, body=body, now=now)


@pytest.mark.parametrize(
    ("kind", "what"), [("refund.failed", "refund"), ("charge.refunded", "charge"), ("payment_intent.succeeded", "payment_intent")]
)
def test_a_signed_event_names_its_payment(gateway: StripeGateway, kind: str, what: str) -> None:
    assert read(gateway, event(kind, object=what, metadata=OURS)) == WebhookHint(payment_id=KEY)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("payout.paid", {}),
        ("charge.refund.updated", {}),
        ("charge.updated", {"object": "charge", "metadata": {"gdmarket_payment": "no key"}}),
    ],
)
def test_an_event_about_no_payment_of_ours_is_ignored(gateway: StripeGateway, kind: str, changes: dict[str, Any]) -> None:
    assert read(gateway, event(kind, **changes)) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"stripe-signature": ""},
        {"stripe-signature": "t=now,v1=00"},
        {"stripe-signature": "v1=00"},
        {"stripe-signature": f"t={int(NOON.timestamp())},v0=00"},
        signed(event(), secret="whsec_another"),
        signed(event("payout.paid")),
    ],
)
def test_an_event_not_signed_by_stripe_is_refused(gateway: StripeGateway, headers: dict[str, str]) -> None:
    with pytest.raises(WebhookRefusedError):
        read(gateway, event(), headers)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", event(object=7), event(id=None), event(metadata=[])])
def test_a_signed_event_of_another_shape_is_refused(gateway: StripeGateway, body: bytes) -> None:
    with pytest.raises(WebhookRefusedError):
        read(gateway, body)


def test_without_a_secret_every_webhook_is_refused() -> None:
    with pytest.raises(WebhookRefusedError):
        read(StripeGateway(base_url="https://api.stripe.com", secret_key="sk_test"), event())
