"""Middleware for the admin, the probes and invalid addresses."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.urls import resolve, reverse
from django.utils import timezone

from gdmarket.rest import problems

_PROBES = {"/health/live", "/health/ready"}


def refuse_nul_in_url(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse a URL with a NUL in it: PostgreSQL would raise an error wherever it is searched for."""

    def respond(request: HttpRequest) -> HttpResponse:
        is_page = not request.path.startswith("/api/")  # the API answers with a problem document
        if is_page and ("\0" in request.path or "%00" in request.META.get("QUERY_STRING", "")):
            return problems.bad_request(request, SuspiciousOperation("NUL in the URL"))
        return get_response(request)

    return respond


def answer_probes_at_any_host(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answer probes before the Host header is checked: a cluster calls each pod by its IP address, which ALLOWED_HOSTS cannot list."""

    def respond(request: HttpRequest) -> HttpResponse:
        if request.path_info not in _PROBES:
            return get_response(request)
        request.resolver_match = resolve(request.path_info)
        response: HttpResponse = request.resolver_match.func(request)
        return response

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
