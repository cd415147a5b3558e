"""Heeding the provider's webhooks: each is a hint that makes us ask, so that a forged, late or doubled one changes nothing by itself."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import Q

from apps.payments import gateways, queries
from apps.payments.events import PaymentNoticed
from apps.payments.models import Payment
from gdmarket import bus, databases

_AGAIN = timedelta(seconds=2)


def receive_webhook(*, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Have the provider asked about a payment that is being waited for, if this webhook is about one; names of `headers` in lower case.

    :raises WebhookRefusedError: if it is not the provider's, too old, or not to be read
    """
    notice = gateways.current().read_webhook(headers=headers, body=body, now=now)
    if notice is None:
        return
    for payment in queries.list_awaited(payment_id=notice.payment_id, rental_id=notice.rental_id):
        _ask_about(payment, now=now)


def _ask_about(payment: Payment, *, now: datetime) -> None:
    """Have it asked about, once in a while: providers send one thing twice, and anybody may send what is not signed."""
    is_new = Q(noticed_at=None) | Q(noticed_at__lt=now - _AGAIN)
    with databases.transaction_for("payments"):
        if Payment.objects.filter(is_new, id=payment.id).update(noticed_at=now):
            bus.publish(PaymentNoticed(payment_id=payment.id, occurred_at=now), stream=f"payment-notice:{payment.id}")
