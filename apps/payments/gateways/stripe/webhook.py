"""Stripe's webhooks: the signature first, and then which payment they are about."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import stripe

from apps.payments.errors import WebhookRefusedError
from apps.payments.gateways.port import WebhookHint
from apps.payments.gateways.stripe.schemas import StripeChargeEvent, StripeEvent, key_of

TOLERANCE_S = 300
_ABOUT_CHARGES = ("payment_intent.", "charge.", "refund.")


def read(*, signature: str, body: bytes, secrets: Sequence[str], now: datetime) -> WebhookHint | None:
    """Return which payment an event is about, or None if it names none of ours; any of `secrets` may have signed it.

    :raises WebhookRefusedError: if none did, or not within 300 s of `now`, or it cannot be read
    """
    try:
        _verify(signature, body.decode(), secrets, now)
        event = msgspec.json.decode(body, type=StripeEvent)
        if not event.type.startswith(_ABOUT_CHARGES):
            return None
        about = msgspec.json.decode(body, type=StripeChargeEvent).data.object
    except (stripe.SignatureVerificationError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise WebhookRefusedError from error
    key = key_of(about.metadata)
    return WebhookHint(payment_id=key) if key else None


def _verify(signature: str, body: str, secrets: Sequence[str], now: datetime) -> None:
    for secret in secrets:
        try:
            # The library would take the time from its own clock, and any time to come.
            stripe.WebhookSignature.verify_header(body, signature, secret, tolerance=None)
        except stripe.SignatureVerificationError:
            continue
        signed_at = next(int(value) for name, _, value in (part.partition("=") for part in signature.split(",")) if name == "t")
        if abs(now.timestamp() - signed_at) <= TOLERANCE_S:
            return
    raise WebhookRefusedError
