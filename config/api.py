"""The API and the probes bypass the middleware of the HTML pages."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from csp.middleware import CSPMiddleware
from django.conf import settings
from django.core.handlers.exception import response_for_exception
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from django.urls import resolve
from django.utils import translation
from django.utils.cache import patch_vary_headers

if TYPE_CHECKING:
    GetResponse = Callable[[HttpRequest], HttpResponse]

_API = "/api/"
# Documents for browsers: they need the middleware of pages.
PAGES = frozenset({"/api/v1/docs", "/api/v1/schema"})
# A cluster calls each pod by its IP address, which ALLOWED_HOSTS cannot list.
_PROBES = frozenset({"/health/live", "/health/ready"})


class ApiMiddleware:
    """Answers the API and the probes by itself, and passes every other request on to the middleware after it, which is that of pages.

    An answer has the headers that pages have. Sessions, messages, CSRF tokens and static files are of no use to it: callers show a token
    of their own, and no cookie.
    """

    def __init__(self, get_response: "GetResponse") -> None:
        self._answer_page = get_response
        self._security: Any = SecurityMiddleware(get_response)
        self._headers: dict[str, Mapping[str, str]] = {}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        if path in _PROBES:
            is_probe = True
        elif path.startswith(_API) and path not in PAGES:
            is_probe = False
        else:
            return self._answer_page(request)
        if redirect := self._security.process_request(request):
            redirected: HttpResponse = self._security.process_response(request, redirect)
            return redirected
        language = _activate_language(request)
        try:
            if not is_probe:
                request.get_host()  # it refuses names that are not among ALLOWED_HOSTS
            response: HttpResponseBase = _answer(request)
        except Exception as error:  # noqa: BLE001  # the edge: what Django answers around this lacks the headers below
            response = response_for_exception(request, error)
        self._add_headers(request, response, language=language)
        return response

    def _add_headers(self, request: HttpRequest, response: Any, *, language: str) -> None:
        headers = response.headers
        patch_vary_headers(response, ("Accept-Language",))
        headers.setdefault("Content-Language", language)
        for name, value in self._headers_of_pages(request).items():
            headers.setdefault(name, value)
        if not response.streaming and "Content-Length" not in headers:
            headers["Content-Length"] = str(len(response.content))
        if request.method == "HEAD" and not response.streaming:
            response.content = b""  # gunicorn would drop it, with a warning

    def _headers_of_pages(self, request: HttpRequest) -> Mapping[str, str]:
        """Return the headers that the middleware of pages gives every answer; they depend on the scheme alone."""
        scheme = str(request.scheme)
        if scheme not in self._headers:
            response = HttpResponse()
            del response.headers["Content-Type"]
            for kind in (SecurityMiddleware, CSPMiddleware, XFrameOptionsMiddleware):
                middleware: Any = kind(lambda _: response)
                middleware.process_response(request, response)
            self._headers[scheme] = dict(response.headers.items())
        return self._headers[scheme]


def _answer(request: HttpRequest) -> Any:
    match = request.resolver_match = resolve(request.path_info)
    return match.func(request, *match.args, **match.kwargs)


def _activate_language(request: HttpRequest) -> str:
    """Make the language that the caller asked for that of this thread, and return it."""
    asked = "HTTP_ACCEPT_LANGUAGE" in request.META or "HTTP_COOKIE" in request.META
    language = translation.get_language_from_request(request) if asked else settings.LANGUAGE_CODE
    translation.activate(language)
    request.LANGUAGE_CODE = language
    return language
