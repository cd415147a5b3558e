"""The way in and out of the API and the probes: no middleware of pages is on it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from csp.middleware import CSPMiddleware
from django.conf import settings
from django.core.handlers.exception import response_for_exception
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils import translation
from django.utils.cache import patch_vary_headers

from config.resolving import view_of

if TYPE_CHECKING:
    GetResponse = Callable[[HttpRequest], HttpResponse]
    # As `HttpHeaders` keeps them: by their names in small letters.
    Headers = Mapping[str, tuple[str, str]]

_API = "/api/"
# Documents for browsers, which pages' middleware serves.
_PAGES = frozenset({"/api/v1/docs", "/api/v1/schema"})
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
        self._headers: dict[tuple[str, str], Headers] = {}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        if path in _PROBES:
            is_probe = True
        elif path.startswith(_API) and path not in _PAGES:
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
        except Exception as error:  # noqa: BLE001  # the edge: Django's own is around the middleware of pages alone
            response = response_for_exception(request, error)
        self._add_headers(request, response, language=language)
        return response

    def _add_headers(self, request: HttpRequest, response: Any, *, language: str) -> None:
        headers = response.headers
        if "Vary" in headers:
            patch_vary_headers(response, ("Accept-Language",))
        # `headers.setdefault` would look at each text anew, ten times an answer.
        headers._store = {**self._headers_of(str(request.scheme), language), **headers._store}  # noqa: SLF001  # as above
        if not response.streaming and "Content-Length" not in headers:
            headers["Content-Length"] = str(len(response.content))

    def _headers_of(self, scheme: str, language: str) -> "Headers":
        """Return what every answer has."""
        found = self._headers.get((scheme, language))
        if found is None:
            found = self._headers[scheme, language] = _headers_of_pages(scheme, language)
        return found


def _answer(request: HttpRequest) -> Any:
    match = request.resolver_match = view_of(request.path_info)
    response = match.func(request, *match.args, **match.kwargs)
    return response.render() if callable(getattr(response, "render", None)) else response


def _activate_language(request: HttpRequest) -> str:
    """Make the language that the caller asked for that of this thread, and return it."""
    asked = "HTTP_ACCEPT_LANGUAGE" in request.META or "HTTP_COOKIE" in request.META
    language = translation.get_language_from_request(request) if asked else settings.LANGUAGE_CODE
    translation.activate(language)
    request.LANGUAGE_CODE = language
    return language


class _RequestBy(HttpRequest):
    """An empty request that came by one scheme."""

    def __init__(self, scheme: str) -> None:
        super().__init__()
        self._scheme = scheme

    def _get_scheme(self) -> str:
        return self._scheme


def _headers_of_pages(scheme: str, language: str) -> "Headers":
    """Return the headers that pages' middleware gives every answer."""
    request, response = _RequestBy(scheme), HttpResponse(headers={"Content-Language": language, "Vary": "Accept-Language"})
    del response.headers["Content-Type"]
    for kind in (SecurityMiddleware, CSPMiddleware, XFrameOptionsMiddleware):
        middleware: Any = kind(lambda _: response)
        middleware.process_response(request, response)
    return {name.lower(): (name, value) for name, value in response.headers.items()}
