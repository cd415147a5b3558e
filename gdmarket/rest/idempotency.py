"""POSTs with an `Idempotency-Key`: a repetition gets the first response again."""

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
from gdmarket.rest.throttles import address_of

Handler = Callable[..., HttpResponseBase]

_KEY = re.compile(r"[!-~]{1,255}\Z")
_STORED_HEADERS = ("Content-Type", "Content-Language", "ETag", "Link", "Location")
# After signing in or waiting, the same request may succeed.
_TRANSIENT = frozenset({status.HTTP_401_UNAUTHORIZED, status.HTTP_429_TOO_MANY_REQUESTS})
_log = logging.getLogger(__name__)


def idempotent(handler: Handler) -> Handler:
    """Return a view's `post` so that a repetition with the same `Idempotency-Key` and body gets the first response.

    The handler runs outside any transaction, with the same `request.operation_id` in each attempt until a response is stored. 401, 429,
    5xx and responses above 64 KiB are not stored: the next attempt runs the handler again. Nor are refusals of callers who have not signed
    in, of whom anybody could send any number.
    """

    @wraps(handler)
    def post(view: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return handler(view, request, *args, **kwargs)
        if not _KEY.match(key):
            raise InvalidIdempotencyKeyError
        actor = str(request.user.pk) if request.user.is_authenticated else None
        body = view.sent_by(request)
        scope = idempotency_store.scope_of(actor=actor, method=str(request.method), path=request.path, body=body)
        owner = idempotency_store.owner_of(actor=actor, network=address_of(request))
        match idempotency_store.acquire_lease(scope=scope, key=key, body=body, owner=owner, now=clock.now()):
            case StoredResponse() as stored:
                return HttpResponse(stored.body, status=stored.status, headers={**stored.headers, "Idempotent-Replayed": "true"})
            case lease:
                request.operation_id = lease.operation_id  # type: ignore[attr-defined]  # ours: see ApiView
                response = _render(handler, view, request, *args, **kwargs)
                _store(lease, response, is_anonymous=actor is None)
                return response

    return post


def _render(handler: Handler, view: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
    """Return the rendered response, whatever the handler raises."""
    try:
        response = handler(view, request, *args, **kwargs)
    except Exception as error:  # noqa: BLE001   # the edge: refusals are stored too
        response = view.handle_exception(error)
    finished: HttpResponse = view.finalize_response(request, response, *args, **kwargs)
    if hasattr(finished, "render"):
        finished.render()
    return finished


def _store(lease: IdempotencyLease, response: HttpResponse, *, is_anonymous: bool) -> None:
    try:
        if is_anonymous and status.is_client_error(response.status_code):
            idempotency_store.delete(lease)
        elif _is_stored(response):
            headers = {name: response.headers[name] for name in _STORED_HEADERS if name in response.headers}
            idempotency_store.store(lease, StoredResponse(status=response.status_code, headers=headers, body=response.content))
        else:
            idempotency_store.release(lease, now=clock.now())
        idempotency_store.evict_surplus(lease, now=clock.now())
    except DatabaseError:
        # The work is done; a repetition gets the same operation id once the lease has expired.
        _log.exception("the response to an Idempotency-Key could not be stored")


def _is_stored(response: HttpResponse) -> bool:
    is_transient = response.status_code in _TRANSIENT or status.is_server_error(response.status_code)
    return not is_transient and len(response.content) <= idempotency_store.MAX_STORED_BYTES
