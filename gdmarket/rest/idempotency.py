"""The first answer again: POSTs that carry an `Idempotency-Key` and may be sent twice."""

import logging
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import DatabaseError
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework import status
from rest_framework.request import Request

from gdmarket import clock
from gdmarket.rest import idempotency_store
from gdmarket.rest.errors import InvalidIdempotencyKeyError
from gdmarket.rest.idempotency_store import IdempotencyLease, StoredResponse

Handler = Callable[..., HttpResponseBase]

_VISIBLE = re.compile(r"[!-~]{1,255}\Z")
_KEPT_HEADERS = ("Content-Type", "Content-Language", "ETag", "Link", "Location")
# Sign in, wait a moment: then the same request may well succeed.
_PASSING = frozenset({status.HTTP_401_UNAUTHORIZED, status.HTTP_429_TOO_MANY_REQUESTS})
_log = logging.getLogger(__name__)


def idempotent(handler: Handler) -> Handler:
    """Return a view's `post` so that a repetition with the same `Idempotency-Key` and body gets the first answer.

    The handler runs outside any transaction, with `request.operation_id` the same in each try until an answer is kept: 401, 429 and
    whatever is 500 or more say nothing of what was asked for, and the next try starts afresh.
    """

    @wraps(handler)
    def keyed(view: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return handler(view, request, *args, **kwargs)
        lease = _asked(request, key)
        if isinstance(lease, StoredResponse):
            return _again(lease)
        request.operation_id = lease.operation_id  # type: ignore[attr-defined]  # ours: see ApiView
        response = _answered(handler, view, request, *args, **kwargs)
        _remember(lease, response)
        return response

    return keyed


def _asked(request: Request, key: str) -> IdempotencyLease | StoredResponse:
    if not _VISIBLE.match(key):
        raise InvalidIdempotencyKeyError
    actor = str(request.user.pk) if request.user.is_authenticated else "anonymous"
    scope = idempotency_store.scope_of(actor=actor, method=str(request.method), path=request.path)
    return idempotency_store.acquire_lease(scope=scope, key=key, body=request.body, now=clock.now())


def _answered(handler: Handler, view: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
    """StoredResponse the request to the last byte, whatever the handler raises."""
    try:
        response = handler(view, request, *args, **kwargs)
    except Exception as error:  # noqa: BLE001   # the edge: refusals are answers too, and are kept
        response = view.handle_exception(error)
    finished: HttpResponse = view.finalize_response(request, response, *args, **kwargs)
    if hasattr(finished, "render"):
        finished.render()
    return finished


def _remember(lease: IdempotencyLease, response: HttpResponse) -> None:
    try:
        if response.status_code in _PASSING or status.is_server_error(response.status_code):
            idempotency_store.release(lease, now=clock.now())
        else:
            kept = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
            idempotency_store.store(lease, StoredResponse(status=response.status_code, headers=kept, body=response.content))
    except DatabaseError:
        # What was done is done and told; whoever repeats it gets the same operation id once the turn has run out.
        _log.exception("an answer could not be kept")


def _again(answer: StoredResponse) -> HttpResponse:
    return HttpResponse(answer.body, status=answer.status, headers={**answer.headers, "Idempotent-Replayed": "true"})
