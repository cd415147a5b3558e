"""Who asks, and under which id: what every authenticated request knows."""

from typing import cast
from uuid import UUID

from rest_framework.request import Request


def person_id(request: Request) -> UUID:
    """Return the id of the person who asks; the view's permissions have let nobody else in."""
    return cast("UUID", request.user.pk)


def operation_id(request: Request) -> UUID:
    """Return the id for what a POST makes: the same again for every repetition under one idempotency key."""
    return cast("UUID", request.operation_id)  # type: ignore[attr-defined]  # ApiView puts it there
