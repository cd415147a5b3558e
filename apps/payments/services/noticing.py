"""Heeding the provider's webhooks: each is a hint that makes us ask, so that a forged, late or doubled one changes nothing by itself."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from apps.payments import gateways, queries
from apps.payments.events import PaymentNoticed
from gdmarket import bus


def take_notice(*, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Have the provider asked about a payment that is being waited for, if this webhook is about one; names of `headers` in lower case.

    :raises WebhookRefusedError: if it is not the provider's, too old, or not to be read
    """
    notice = gateways.current().read_webhook(headers=headers, body=body, now=now)
    if notice is None:
        return
    awaited = queries.list_awaited(payment_id=notice.key, rental_id=notice.order).order_by("id")
    with transaction.atomic():
        # Providers send one thing twice at once: whoever publishes to a stream must be alone.
        for payment in awaited.select_for_update(no_key=True):
            bus.publish(PaymentNoticed(payment_id=payment.id, occurred_at=now), stream=f"payment-notice:{payment.id}")
