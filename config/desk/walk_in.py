"""The walk-in screen of rentals, held to the limit that the API has: a form, too, tells who has an account."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from apps.rentals.admin.walk_in import walk_in_view
from gdmarket.errors import TooOftenError
from gdmarket.rest.throttles import WalkInThrottle


def show(request: HttpRequest) -> HttpResponse:
    """Show the form, or book what it says."""
    return walk_in_view(request, admit=lambda: _count(request), board=reverse("admin:desk_board"))


def _count(request: HttpRequest) -> None:
    """Count a booking, together with those by the API.

    :raises TooOftenError: if it is one too many
    """
    throttle = WalkInThrottle()
    if not throttle.allow_request(request, view=None):  # type: ignore[arg-type]  # it asks who it is alone
        raise TooOftenError(retry_after_s=throttle.wait() or 0)
