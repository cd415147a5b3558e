"""Requests counted in the database, for all processes together, in windows that begin with the first request."""

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils.crypto import salted_hmac

from gdmarket.rest.models import RequestCount

_PURGE_BATCH = 100
# Servers' clocks may differ by so much: one that is slower begins others' windows anew.
CLOCK_SKEW = timedelta(minutes=5)
# One statement, so that concurrent requests are counted one by one. A window that ends too late was begun before a clock was set
# back.
_ADD = """
INSERT INTO rest_requestcount (subject, "count", ends_at) VALUES (%(subject)s, 1, %(ends_at)s)
ON CONFLICT (subject) DO UPDATE SET
    "count" = CASE WHEN rest_requestcount.ends_at > %(now)s AND rest_requestcount.ends_at <= %(latest)s
        THEN rest_requestcount."count" + 1 ELSE 1 END,
    ends_at = CASE WHEN rest_requestcount.ends_at > %(now)s AND rest_requestcount.ends_at <= %(latest)s
        THEN rest_requestcount.ends_at ELSE excluded.ends_at END
RETURNING "count"
"""


def subject_of(*, scope: str, value: str) -> str:
    """Return the keyed digest under which a caller is counted: addresses are not stored."""
    return salted_hmac("gdmarket.rest.request_counts", f"{scope} {value}", algorithm="sha256").hexdigest()


def add(*, subject: str, limit: int, window: timedelta, now: datetime) -> datetime | None:
    """Count a request; return when the window ends if it is one too many, else None."""
    moments = {"now": now, "ends_at": now + window, "latest": now + window + CLOCK_SKEW}
    parameters = {"subject": subject, **{name: connection.ops.adapt_datetimefield_value(at) for name, at in moments.items()}}
    with connection.cursor() as cursor:
        cursor.execute(_ADD, parameters)
        (count,) = cursor.fetchone()
    if count == 1:
        _purge(now=now)
    if count <= limit:
        return None
    return RequestCount.objects.values_list("ends_at", flat=True).get(subject=subject)


def _purge(*, now: datetime) -> None:
    """Delete some windows that are over, but those that another process is using."""
    over = RequestCount.objects.filter(ends_at__lte=now).order_by("ends_at", "subject").select_for_update(skip_locked=True)
    with transaction.atomic():
        RequestCount.objects.filter(subject__in=list(over.values_list("subject", flat=True)[:_PURGE_BATCH])).delete()
