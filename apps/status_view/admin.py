"""통합상태 in the web admin: item managers see their own items and rentals, operators all; nobody changes anything here."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.options import ShowFacets
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from apps.status_view import domain
from apps.status_view.models import ItemStatus, RentalStatus

# How people read what facts are called.
_FACTS = {
    "RentalRequested": _("requested"),
    "RentalPaymentStarted": _("payment started"),
    "RentalPaid": _("paid"),
    "RentalPaymentFailed": _("payment failed"),
    "RentalHoldProlonged": _("longer to pay"),
    "RentalHandedOver": _("handed over"),
    "RentalPeriodBegan": _("period began"),
    "RentalOverdue": _("overdue"),
    "RentalReturned": _("returned"),
    "RentalCancelRequested": _("cancel requested"),
    "RentalRefundDue": _("refund due"),
    "RentalPaymentCancelled": _("payment cancelled"),
    "RentalCancelled": _("cancelled"),
    "RentalExpired": _("expired"),
    "PaymentApproved": _("money taken"),
    "PaymentDeclined": _("money not taken"),
    "PaymentRefunded": _("money given back"),
}
_TURNS = {
    domain.Turn.RENTER: _("renter"),
    domain.Turn.MANAGER: _("item manager"),
    domain.Turn.PROVIDER: _("payment provider"),
    domain.Turn.NOBODY: _("nobody"),
}


class _ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]  # it takes no parameter at run time
    """Shows rows and changes none; a stub row is shown to nobody."""

    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _may_look(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return _may_look(request)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request).filter(version__gt=0)
        return rows if _sees_all(request) else rows.filter(manager_id=request.user.pk)


def _may_look(request: HttpRequest) -> bool:
    return _sees_all(request) or bool(request.user.is_active and getattr(request.user, "is_item_manager", False))


def _sees_all(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_staff)


@admin.register(ItemStatus)
class ItemStatusAdmin(_ReadOnly):
    """How every item stands."""

    list_display = ("name", "place", "availability", "current_state", "current_starts_at", "current_ends_at", "payment_state", "money")
    list_filter = ("availability", "state", "current_overdue", "category")
    search_fields = ("name", "category", "place")
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("name", "category", "place", "money", "state", "availability", "manager_id", "updated_at")}),
        (
            _("current rental"),
            {
                "fields": (
                    "current_rental_id",
                    "current_state",
                    "current_renter_id",
                    "current_starts_at",
                    "current_ends_at",
                    "current_overdue",
                )
            },
        ),
        (_("payment"), {"fields": ("payment_id", "payment_state")}),
    )
    readonly_fields = ("money",)

    @admin.display(description=_("daily price"), ordering="daily_price")
    def money(self, item: ItemStatus) -> str:
        """Return the daily price for people."""
        return _money(item.daily_price, item.currency)


@admin.register(RentalStatus)
class RentalStatusAdmin(_ReadOnly):
    """How every rental stands, and how it came to that."""

    list_display = (
        "item_name",
        "state",
        "turn",
        "deadline",
        "starts_at",
        "ends_at",
        "overdue",
        "price_shown",
        "paid_shown",
        "refunded_shown",
    )
    list_filter = ("state", "overdue", "cancel_requested", "requested_at")
    search_fields = ("=id", "item_name")
    ordering = ("-requested_at", "id")
    fieldsets = (
        (None, {"fields": ("item_name", "state", "turn", "deadline", "starts_at", "ends_at", "overdue", "cancel_requested")}),
        (_("money"), {"fields": ("price_shown", "paid_shown", "refunded_shown", "payment_id", "payment_state")}),
        (_("timeline"), {"fields": ("story",)}),
        (_("people"), {"fields": ("renter_id", "manager_id")}),
    )
    readonly_fields = ("turn", "deadline", "price_shown", "paid_shown", "refunded_shown", "story")

    @admin.display(description=_("whose turn"))
    def turn(self, rental: RentalStatus) -> str:
        """Return who must act next."""
        return str(_TURNS[domain.whose_turn(state=rental.state)])

    @admin.display(description=_("until"))
    def deadline(self, rental: RentalStatus) -> object:
        """Return until when."""
        return domain.deadline(rental=vars(rental))

    @admin.display(description=_("price"), ordering="price")
    def price_shown(self, rental: RentalStatus) -> str:
        """Return the price for people."""
        return _money(rental.price, rental.currency)

    @admin.display(description=_("paid"), ordering="paid")
    def paid_shown(self, rental: RentalStatus) -> str:
        """Return what was paid for people."""
        return _money(rental.paid, rental.currency)

    @admin.display(description=_("refunded"), ordering="refunded")
    def refunded_shown(self, rental: RentalStatus) -> str:
        """Return what was given back for people."""
        return _money(rental.refunded, rental.currency)

    @admin.display(description=_("timeline"))
    def story(self, rental: RentalStatus) -> SafeString:
        """Return the facts as a list, the oldest first."""
        lines = format_html_join("", "<li><time>{}</time> {} {}</li>", (_line(entry) for entry in rental.timeline))
        return format_html("<ol>{}</ol>", lines)


def _line(entry: dict[str, Any]) -> tuple[str, str, str]:
    at = parse_datetime(entry["at"])
    when = localtime(at).strftime("%Y-%m-%d %H:%M:%S") if at else entry["at"]
    reason = entry.get("reason", "")
    return when, str(_FACTS.get(entry["fact"], entry["fact"])), f"({reason})" if reason else ""


def _money(amount: int, currency: str) -> str:
    # KRW, the only currency so far, has no minor unit: ISO 4217.
    return f"{amount:,} {currency}"
