"""Correlation ids, traces, metrics and one access-log line for each request."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from gdmarket import correlation, spans
from gdmarket.rest import metrics

_ACTOR = "gdmarket.actor"
_log = logging.getLogger("gdmarket.access")

GetResponse = Callable[[HttpRequest], HttpResponse]


class CorrelationMiddleware:
    """Accepts or creates `X-Correlation-ID` and `traceparent`, returns the former, and logs and counts the request."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began_s = time.perf_counter()
        # Of `request.headers`, all would be read.
        trace = correlation.start(correlation=request.META.get("HTTP_X_CORRELATION_ID"), traceparent=request.META.get("HTTP_TRACEPARENT"))
        if not spans.is_on() or request.path_info.startswith("/health/"):  # probes get no span
            with correlation.use(trace):
                return self._answer(request, began_s)
        with spans.root_span(metrics.method_of(request), kind="server", trace=trace, attributes={}) as span:
            response = self._answer(request, began_s)
            if span is not None:
                span.update_name(f"{metrics.method_of(request)} {metrics.route_of(request)}")
            attributes: spans.Attributes = {
                "http.request.method": metrics.method_of(request),
                "http.route": metrics.route_of(request),
                "http.response.status_code": response.status_code,
            }
            spans.annotate(span, attributes=attributes, failed=response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR)
        return response

    def _answer(self, request: HttpRequest, began_s: float) -> HttpResponse:
        metrics.IN_FLIGHT.inc()
        try:
            response = self.get_response(request)
            response.headers["X-Correlation-ID"] = correlation.current().correlation
            took_s = time.perf_counter() - began_s
            if _log.isEnabledFor(logging.INFO):
                _log_access(request, response, took_ms=took_s * 1000)
            metrics.count_request(request=request, response=response, took_s=took_s)
        finally:
            metrics.IN_FLIGHT.dec()
        return response


class ActorMiddleware:
    """Makes the user of the admin the actor of the request; must come after Django's authentication middleware."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/admin/") or not request.user.is_authenticated:
            return self.get_response(request)
        record_actor(request, str(request.user.pk))
        with correlation.use(replace(correlation.current(), actor=str(request.user.pk))):
            return self.get_response(request)


def record_actor(request: HttpRequest, actor: str) -> None:
    """Record who makes this request, for its access-log line."""
    request.META[_ACTOR] = actor


def _log_access(request: HttpRequest, response: HttpResponse, *, took_ms: float) -> None:
    # The route, not the path: a path may hold private data, and has too many values to count.
    route = request.resolver_match.route if request.resolver_match else "-"
    actor, method = request.META.get(_ACTOR, "-"), metrics.method_of(request)
    fields = {"method": method, "route": f"/{route}", "status": response.status_code, "took_ms": round(took_ms, 1), "actor": actor}
    _log.info("%s /%s %d %.1f ms actor=%s", method, route, response.status_code, took_ms, actor, extra=fields)
