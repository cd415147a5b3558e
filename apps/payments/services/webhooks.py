"""The provider's webhooks: each is a hint to look the payment up, so that a forged, late or repeated one changes nothing by itself."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import Q

from apps.payments import gateways
from apps.payments.contracts import CASH
from apps.payments.domain import UNSETTLED
from apps.payments.events import PaymentNoticed
from apps.payments.models import Payment
from gdmarket import bus, databases

_AT_MOST_EVERY = timedelta(seconds=2)


def receive_webhook(*, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Publish a look-up of the unsettled payments that a webhook names; names of `headers` in lower case.

    A payment is looked up at most every 2 s: providers repeat webhooks, and anybody may send an unsigned one.
    :raises WebhookRefusedError: if it is not the provider's, too old, or unreadable
    """
    hint = gateways.current().read_webhook(headers=headers, body=body, now=now)
    if hint is None:
        return
    is_named, is_due = Q(id=hint.payment_id) | Q(rental_id=hint.rental_id), Q(noticed_at=None) | Q(noticed_at__lt=now - _AT_MOST_EVERY)
    for payment in Payment.objects.filter(is_named, state__in=UNSETTLED, asked_at__isnull=False).exclude(method=CASH):
        with databases.transaction_for("payments"):
            if Payment.objects.filter(is_due, id=payment.id).update(noticed_at=now):
                bus.publish(PaymentNoticed(payment_id=payment.id, occurred_at=now), stream=f"payment-notice:{payment.id}")
