"""Middleware of pages: the admin's time zone, and invalid addresses."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from gdmarket.rest import problems


def refuse_nul_in_url(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse a URL with a NUL in it: PostgreSQL would raise an error wherever it is searched for."""

    def respond(request: HttpRequest) -> HttpResponse:
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            return problems.bad_request(request, SuspiciousOperation("NUL in the URL"))
        return get_response(request)

    return respond


def use_local_time_in_admin(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Show times in the admin in the market's time zone."""
    zone = ZoneInfo(settings.GDMARKET_TIME_ZONE)

    def respond(request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(reverse("admin:index")):
            return get_response(request)
        with timezone.override(zone):
            return get_response(request)

    return respond
