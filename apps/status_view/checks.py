"""A check of the status view. Run by `manage.py doctor`."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.core.checks import CheckMessage
from django.db.models.functions import Now

from apps.status_view.models import Rebuild
from gdmarket.checks import DATA, finding, register


@register(DATA)
def check_rebuild(**_: Any) -> Iterator[CheckMessage]:
    """Look for a rebuild that was not resumed for a day."""
    left = Rebuild.objects.exclude(step="").filter(leased_until__lt=Now() - timedelta(days=1)).first()
    if left is not None:
        hint = "resume it with manage.py rebuild_status_view"
        yield finding("status_view.W001", f"a rebuild stopped after {left.rows_done} rows", hint)
