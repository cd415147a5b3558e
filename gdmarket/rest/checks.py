"""A check of the idempotency keys. Run by `manage.py doctor`."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.core.checks import CheckMessage
from django.db.models.functions import Now

from gdmarket.checks import DATA, finding, register
from gdmarket.rest.idempotency_store import RETENTION
from gdmarket.rest.models import IdempotencyKey


@register(DATA)
def check_idempotency_keys(**_: Any) -> Iterator[CheckMessage]:
    """Check that expired idempotency keys are deleted daily."""
    if expired := IdempotencyKey.objects.filter(created_at__lt=Now() - RETENTION - timedelta(days=1)).count():
        found = f"{expired} idempotency keys expired more than a day ago"
        yield finding("rest.W001", found, "run manage.py purge_idempotency_keys daily")
