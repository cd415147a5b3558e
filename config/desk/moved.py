"""Where pages have moved: bookmarks of before keep working."""

from collections.abc import Mapping
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

# The lists of before, each with the list that took its place, and what its filters are called there.
LISTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "rentalstatus": ("rentals_rental", {"at_hand": "work_queue", "state": "state__exact", "q": "q"}),
    "itemstatus": ("items_item", {"availability": "availability__exact", "state": "state__exact", "category": "category", "q": "q"}),
}


def list_moved(request: HttpRequest, name: str) -> HttpResponseRedirect:
    """Redirect from a list of the status view to its owner's, with what it was narrowed to."""
    owner, filters = LISTS[name]
    kept = {filters[old]: value for old, value in request.GET.items() if old in filters}
    address = reverse(f"admin:{owner}_changelist")
    return HttpResponseRedirect(f"{address}?{urlencode(kept)}" if kept else address)


def page_moved(_request: HttpRequest, name: str, row_id: str) -> HttpResponseRedirect:
    """Redirect from a row's page in the status view to its owner's."""
    return HttpResponseRedirect(reverse(f"admin:{LISTS[name][0]}_change", args=[row_id]))
