"""Permissions by role; which rows a person may see is decided by the queries."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request


def has_role(role: str, *, reading_is_open: bool = False) -> type[BasePermission]:
    """Return a permission for people with `role`; others get 401 or 403 `wrong_role`.

    With `reading_is_open` anybody may read, signed in or not, and only writing needs the role.
    """

    class HasRole(BasePermission):
        message = _("This needs another role.")
        code = "wrong_role"

        def has_permission(self, request: Request, view: Any) -> bool:
            if reading_is_open and request.method in SAFE_METHODS:
                return True
            return bool(request.user.is_authenticated and role in request.user.roles)

    return HasRole
