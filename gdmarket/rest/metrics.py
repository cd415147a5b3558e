"""Prometheus metrics of requests: how many, their status, their duration, how many are in progress."""

from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Gauge, Histogram

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

_requests = Counter("http_requests", "Requests, by route, method and class of status.", ["route", "method", "status"])
_seconds = Histogram(
    "http_request_seconds",
    "Time to answer a request.",
    ["route", "method"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
IN_FLIGHT = Gauge("http_requests_in_flight", "Requests in progress.", multiprocess_mode="livesum")


def count_request(*, request: HttpRequest, response: HttpResponse, took_s: float) -> None:
    """Count a request by its route, not its path: callers must not be able to create labels."""
    counter, histogram = _of(route_of(request), method_of(request), response.status_code // 100)
    counter.inc()
    histogram.observe(took_s)


@cache  # as many as there are routes, methods and classes of status
def _of(route: str, method: str, status: int) -> tuple[Counter, Histogram]:
    return _requests.labels(route, method, f"{status}xx"), _seconds.labels(route, method)


def method_of(request: HttpRequest) -> str:
    """Return the method, or `other` for one that HTTP does not know."""
    return request.method if request.method in _METHODS else "other"


def route_of(request: HttpRequest) -> str:
    """Return the pattern of the URL, as in `/api/v1/items/<id:item_id>`; `unmatched` if none matches."""
    if request.resolver_match is not None:
        return f"/{request.resolver_match.route}"
    return "static" if request.path_info.startswith(settings.STATIC_URL) else "unmatched"
