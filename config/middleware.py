"""What only this composition of the house needs around a request."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.urls import resolve, reverse
from django.utils import timezone

from gdmarket.rest import problems

_PROBES = {"/health/live", "/health/ready"}


def no_nul_in_the_address(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse addresses with a NUL in them, which PostgreSQL would choke on wherever they are looked for."""

    def respond(request: HttpRequest) -> HttpResponse:
        is_page = not request.path.startswith("/api/")  # the API says in its own words what is wrong
        if is_page and ("\0" in request.path or "%00" in request.META.get("QUERY_STRING", "")):
            return problems.bad_request(request, SuspiciousOperation("NUL in the address"))
        return get_response(request)

    return respond


def probes_at_any_host(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answer probes before anybody looks at their host: a cluster asks each pod by its address, which no list of hosts can hold."""

    def respond(request: HttpRequest) -> HttpResponse:
        if request.path_info not in _PROBES:
            return get_response(request)
        request.resolver_match = resolve(request.path_info)
        response: HttpResponse = request.resolver_match.func(request)
        return response

    return respond


def local_time_in_the_admin(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Show times in the admin as the market's people live them."""
    zone = ZoneInfo(settings.GDMARKET_TIME_ZONE)

    def respond(request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(reverse("admin:index")):
            return get_response(request)
        with timezone.override(zone):
            return get_response(request)

    return respond
