"""The one mapping from errors to HTTP: problem documents, RFC 9457."""

import logging
import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import islice
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views import csrf, defaults
from rest_framework import exceptions as drf
from rest_framework.settings import api_settings

from gdmarket import correlation, errors
from gdmarket.rest.errors import BodyTooLargeError
from gdmarket.rest.responses import json_response

CONTENT_TYPE = "application/problem+json"
_log = logging.getLogger(__name__)

_STATUS_OF_KIND: Sequence[tuple[type[errors.DomainError], HTTPStatus]] = (
    (errors.InvalidError, HTTPStatus.BAD_REQUEST),
    (errors.NotAuthenticatedError, HTTPStatus.UNAUTHORIZED),
    (errors.NotFoundError, HTTPStatus.NOT_FOUND),
    (errors.ForbiddenError, HTTPStatus.FORBIDDEN),
    (errors.DeclinedError, HTTPStatus.PAYMENT_REQUIRED),
    (errors.ConflictError, HTTPStatus.CONFLICT),
    (errors.StaleError, HTTPStatus.PRECONDITION_FAILED),
    (errors.TooOftenError, HTTPStatus.TOO_MANY_REQUESTS),
    (errors.UnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
)
_TITLES = {
    400: gettext_noop("Bad request"),
    401: gettext_noop("Not signed in"),
    402: gettext_noop("Payment declined"),
    403: gettext_noop("Not allowed"),
    404: gettext_noop("Not found"),
    405: gettext_noop("Method not allowed"),
    406: gettext_noop("Not acceptable"),
    409: gettext_noop("Conflict"),
    411: gettext_noop("Length required"),
    412: gettext_noop("Changed meanwhile"),
    413: gettext_noop("Too large"),
    415: gettext_noop("Unsupported media type"),
    422: gettext_noop("Key used before"),
    429: gettext_noop("Too many requests"),
    500: gettext_noop("Internal error"),
    503: gettext_noop("Not available just now"),
}
# Codes of DRF that have another name here.
_CODES = {"permission_denied": "forbidden", "authentication_failed": "token_not_valid", "parse_error": "malformed_json"}
# An answer must not grow with the request: one of 256 KiB has room for 19,000 unknown fields.
MAX_ERRORS = 20
_MAX_FIELD, _MAX_DETAIL = 100, 500
_RESERVED = frozenset({"type", "title", "status", "detail", "code", "correlation_id", "errors"})


def problem(*, status: int, code: str, detail: str, members: Mapping[str, object] | None = None, **more: object) -> dict[str, Any]:
    """Return a problem document; `members` are added to the fixed ones and never replace them."""
    shown = {name: value for name, value in (members or {}).items() if name not in _RESERVED}
    title = _TITLES.get(status)
    return {
        "type": f"urn:gdmarket:problem:{code}",
        "title": _(title) if title else HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "code": code,
        "correlation_id": correlation.current().correlation,
        **more,
        **shown,
    }


def problem_response(*, status: int, code: str, detail: str) -> HttpResponse:
    """Return a problem as a plain response, for use outside API views."""
    return _response(problem(status=status, code=code, detail=detail))


def problem_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """Return the response for `error`; an unexpected one is logged and becomes a 500."""
    match error:
        case Http404():
            error = drf.NotFound()
        case PermissionDenied():
            error = drf.PermissionDenied()
        case RequestDataTooBig():
            error = BodyTooLargeError()
        case UnreadablePostError():
            error = drf.ParseError()
    if isinstance(error, errors.DomainError):
        return _domain_error(error)
    if isinstance(error, drf.APIException):
        return _api_error(error)
    if isinstance(error, OperationalError | InterfaceError) and _is_unreachable(error):
        return _database_unavailable(error)
    _log.exception("unexpected error")
    got_request_exception.send(sender=None, request=context.get("request"))
    return _response(_internal())


def _domain_error(error: errors.DomainError) -> HttpResponse:
    status = next((status for kind, status in _STATUS_OF_KIND if isinstance(error, kind)), HTTPStatus.BAD_REQUEST)
    more: dict[str, object] = {}
    if isinstance(error, errors.InvalidError) and error.field:
        more["errors"] = [{"field": error.field, "code": error.code, "detail": error.message}]
    details = dict(error.details)
    if isinstance(error, errors.UnavailableError):
        details["retry_after_s"] = _whole_seconds(error.retry_after_s)
    response = _response(problem(status=status, code=error.code, detail=error.message, members=details, **more))
    if isinstance(error, errors.NotAuthenticatedError):
        response["WWW-Authenticate"] = "Bearer"
    if isinstance(error, errors.UnavailableError):
        response["Retry-After"] = str(_whole_seconds(error.retry_after_s))
    return response


def _api_error(error: drf.APIException) -> HttpResponse:
    if isinstance(error, drf.ValidationError):
        listed = [
            {"field": _shortened(field, _MAX_FIELD), "code": detail.code, "detail": _shortened(str(detail), _MAX_DETAIL)}
            for field, detail in islice(_flat(error.detail), MAX_ERRORS)
        ]
        summary = _("Some values are not acceptable.")
        response = _response(problem(status=HTTPStatus.BAD_REQUEST, code="invalid", detail=summary, errors=listed))
    else:
        detail = (
            error.detail if isinstance(error.detail, drf.ErrorDetail) else drf.ErrorDetail(str(error.default_detail), error.default_code)
        )
        code = _CODES.get(detail.code or "", detail.code or error.default_code)
        response = _response(problem(status=error.status_code, code=code, detail=str(detail)))
    if getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = error.auth_header  # type: ignore[attr-defined]  # set by APIView.handle_exception
    if getattr(error, "wait", None) is not None:
        response["Retry-After"] = str(_whole_seconds(error.wait))  # type: ignore[attr-defined]  # of Throttled and RequestInProgressError
    return response


def _shortened(text: str, length: int) -> str:
    """Return a text that may repeat what the caller sent."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _flat(detail: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, drf.ErrorDetail]]:
    """Walk DRF's nested errors as (dotted field, detail); the whole object's own errors have the field `""` or its parent's."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from _flat(inner, path if name == api_settings.NON_FIELD_ERRORS_KEY else (*path, str(name)))
    elif isinstance(detail, list):
        for place, inner in enumerate(detail):
            yield from _flat(inner, path if isinstance(inner, drf.ErrorDetail) else (*path, str(place)))
    else:
        yield ".".join(path), detail


def _is_unreachable(error: Exception) -> bool:
    # SQLite raises an OperationalError for a mistake in our SQL, too.
    return getattr(error.__cause__, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR


def _database_unavailable(error: Exception) -> HttpResponse:
    _log.error("the database did not answer: %s", error)
    detail = _("The database does not answer just now: please try again.")
    response = _response(problem(status=HTTPStatus.SERVICE_UNAVAILABLE, code="database_unavailable", detail=detail))
    response["Retry-After"] = "1"
    return response


def _internal() -> dict[str, Any]:
    detail = _("Something went wrong on our side; the correlation id helps us to find it.")
    return problem(status=HTTPStatus.INTERNAL_SERVER_ERROR, code="internal_error", detail=detail)


def _response(document: dict[str, Any]) -> HttpResponse:
    return json_response(document, status=document["status"], content_type=CONTENT_TYPE)


def _whole_seconds(seconds: float) -> int:
    return max(1, math.ceil(seconds))


# -- Outside API views ------------------------------------------------------------------------------------------


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django could not parse, or refuses: with a page for browsers outside the API, else with a problem."""
    if isinstance(exception, RequestDataTooBig):
        return problem_response(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="body_too_large", detail=_("The body is too large."))
    if _wants_page(request):
        return defaults.bad_request(request, exception)
    return problem_response(status=HTTPStatus.BAD_REQUEST, code="bad_request", detail=_("The request cannot be understood."))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a forbidden request: with a page for browsers outside the API, else with a problem."""
    if _wants_page(request):
        return defaults.permission_denied(request, exception)
    return problem_response(status=HTTPStatus.FORBIDDEN, code="forbidden", detail=_("You may not do that."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request for an unknown path: with a page for browsers outside the API, else with a problem."""
    if _wants_page(request):
        return defaults.page_not_found(request, exception)
    return problem_response(status=HTTPStatus.NOT_FOUND, code="not_found", detail=_("There is nothing at this address."))


def internal_error(request: HttpRequest) -> HttpResponse:
    """Answer a request that failed unexpectedly."""
    if _wants_page(request):
        return defaults.server_error(request)
    return _response(_internal())


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without a valid CSRF token."""
    if _wants_page(request):
        return csrf.csrf_failure(request, reason)
    return problem_response(status=HTTPStatus.FORBIDDEN, code="csrf_failed", detail=_("The form's token is missing or wrong."))


def _wants_page(request: HttpRequest) -> bool:
    return not request.path_info.startswith(("/api/", "/health/")) and "text/html" in request.headers.get("Accept", "")
