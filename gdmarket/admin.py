"""Who sees what in the web admin: item managers their own, operators everything, nobody a neighbour's."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest


class OwnedByManager(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """Rows with a `manager_id`, shown to that manager and to operators; who may change them, the subclass says."""

    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows if sees_all(request) else rows.filter(manager_id=request.user.pk)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return sees_all(request) or is_manager(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        owner = getattr(obj, "manager_id", request.user.pk)
        return sees_all(request) or (is_manager(request) and owner == request.user.pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def sees_all(request: HttpRequest) -> bool:
    """Say whether somebody runs the system."""
    return bool(request.user.is_active and request.user.is_staff)


def is_manager(request: HttpRequest) -> bool:
    """Say whether somebody manages items."""
    return bool(request.user.is_active and getattr(request.user, "is_item_manager", False))


def money(amount: int, currency: str) -> str:
    """Return a sum for people: `₩12,000`; KRW, the only currency so far, has no minor unit (ISO 4217)."""
    return f"₩{amount:,}" if currency == "KRW" else f"{amount:,} {currency}"
