"""Money as operators see it: to read, never to change by hand."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.payments.models import Payment, Refund


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # it takes no parameter at run time
    """A screen for operators on which nothing can be added, changed or deleted."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active and getattr(request.user, "is_staff", False))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    """Payments, newest first."""

    list_display = ("id", "rental_id", "state", "amount", "refunded", "currency", "reason", "created_at", "settled_at")
    list_filter = ("state", "currency", "created_at")
    search_fields = ("=id", "=rental_id", "=payer_id")
    ordering = ("-created_at", "id")


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    """Refunds, newest first."""

    list_display = ("id", "payment", "state", "amount", "attempts", "reason", "created_at", "settled_at")
    list_filter = ("state", "created_at")
    list_select_related = ("payment",)
    search_fields = ("=id", "=payment__id")
    ordering = ("-created_at", "id")
