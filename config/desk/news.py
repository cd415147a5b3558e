"""What is new since a page was opened, for the desk's script."""

from datetime import datetime, timedelta

from django.http import HttpRequest, JsonResponse
from django.utils.dateparse import parse_datetime
from django.utils.translation import ngettext

from apps.rentals.queries import work_queues
from gdmarket import clock
from gdmarket.admin import is_operator

_MOST = 99
_OLDEST = timedelta(days=1)


def tell(request: HttpRequest) -> JsonResponse:
    """Answer how many rentals were requested `since`, and say so in the reader's language."""
    since = _instant(request.GET.get("since", ""))
    manager_id = None if is_operator(request.user) else request.user.pk
    count = work_queues.count_requested(manager_id=manager_id, since=since, limit=_MOST) if since else 0
    said = ngettext("%(count)d new request", "%(count)d new requests", count) % {"count": count} if count else ""
    return JsonResponse({"count": count, "said": said})


def _instant(text: str) -> datetime | None:
    """Return an instant, a day ago where it was earlier; None where the text is none, or is not of the past."""
    try:
        at = parse_datetime(text)
    except ValueError:
        return None
    now = clock.now()
    return max(at, now - _OLDEST) if at and at.tzinfo and at <= now else None
