"""Payments, refunds and the ledger in the admin, for operators: read-only, but for a refund, which `refund_page` asks for."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.accounts import facade as accounts
from apps.payments.admin import refund_page
from apps.payments.models import Payment, Posting, Refund
from gdmarket.admin import EMPTY, ReadOnlyAdmin, badge, format_money, instant_column, is_operator, link, money_column

_MOST_REFUNDS = 50
_REASONS = {
    "voided": _("cancelled at the provider, which did not answer in time"),
    "never_sent": _("the provider never received it"),
    "paid_for_another": _("it paid for another rental"),
    "given_back": _("given back at the provider"),
    "provider_differs": _("the provider has another sum"),
}
"""What the market itself found; other reasons are the provider's codes, as its own pages have them."""


class OperatorAdmin(ReadOnlyAdmin):
    """A screen for operators alone."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_operator(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_operator(request.user)


class MoneyAdmin(OperatorAdmin):
    """Payments and refunds with their states."""

    @admin.display(description=_("state"), ordering="state")
    def state_badge(self, row: Payment | Refund) -> SafeString:
        return badge(kind=row.state, label=row.get_state_display())

    @admin.display(description=_("reason"))
    def told_reason(self, row: Payment | Refund) -> SafeString | str:
        return str(_REASONS.get(row.reason, row.reason)) or EMPTY

    created = instant_column("created_at", label=_("created at"))
    settled = instant_column("settled_at", label=_("settled at"))


@admin.register(Payment)
class PaymentAdmin(MoneyAdmin):
    """Payments, newest first."""

    list_display = ("id", "state_badge", "paid", "given_back", "told_reason", "created", "settled")
    list_filter = ("state", "currency", "created_at")
    search_fields = ("=id", "=rental_id", "=payer_id")
    ordering = ("-created_at", "id")

    fieldsets = (
        (None, {"fields": ("id", "state_badge", "method", "told_reason", "rental", "item", "payer", "payee")}),
        (_("Money"), {"fields": ("paid", "given_back", "on_its_way", "refunds_made")}),
        (_("Dates"), {"fields": ("created", "settled")}),
        (_("Payment provider"), {"fields": ("provider_reference", "checks", "version")}),
    )

    paid = money_column("amount", label=_("amount"))
    given_back = money_column("refunded", label=_("refunded"))

    @admin.display(description=_("on its way back"))
    def on_its_way(self, payment: Payment) -> SafeString | str:
        waiting = payment.refund_due - payment.refunded
        return format_money(waiting, payment.currency) if waiting else EMPTY

    @admin.display(description=_("rental"))
    def rental(self, payment: Payment) -> SafeString:
        return link(address=reverse("admin:rentals_rental_change", args=[payment.rental_id]), label=payment.rental_id)

    @admin.display(description=_("item"))
    def item(self, payment: Payment) -> SafeString | str:
        return link(address=reverse("admin:items_item_change", args=[payment.item_id]), label=payment.item_id) if payment.item_id else EMPTY

    @admin.display(description=_("payer"))
    def payer(self, payment: Payment) -> SafeString | str:
        return _person(payment.payer_id)

    @admin.display(description=_("payee"))
    def payee(self, payment: Payment) -> SafeString | str:
        return _person(payment.payee_id)

    @admin.display(description=_("refunds"))
    def refunds_made(self, payment: Payment) -> SafeString | str:
        """Return the refunds, the newest first, each with why it was made."""
        lines = [
            (
                _page_of("refund", refund.pk, label=format_money(refund.amount, payment.currency)),
                badge(kind=refund.state, label=refund.get_state_display()),
                refund.stated_reason or "",
            )
            for refund in payment.refunds.order_by("-created_at", "-id")[:_MOST_REFUNDS]
        ]
        return format_html_join("", '<div class="line">{} {} {}</div>', lines) or EMPTY

    def refund_view(self, request: HttpRequest, payment_id: Any) -> HttpResponse:
        """Give a payment or a part of it back, once that is confirmed."""
        payment = self.get_object(request, str(payment_id)) if is_operator(request.user) else None
        if payment is None:
            raise PermissionDenied
        return refund_page.show(self, request, payment)

    def tell_history(self, entries: Sequence[Any]) -> None:
        """Say in the reader's language what was given back, and why."""
        for entry in entries:
            what, _line, more = entry.change_message.partition("\n")
            if what == refund_page.LOGGED:
                entry.change_message = f"{refund_page.TITLE}: {more}"

    def get_urls(self) -> list[URLPattern]:
        refund = path("<uuid:payment_id>/refund/", self.admin_site.admin_view(self.refund_view), name="payments_payment_refund")
        return [refund, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        payment: Payment = kwargs["obj"]
        if refund_page.is_refundable(payment):
            context["refund_address"] = reverse("admin:payments_payment_refund", args=[payment.pk])
        return super().render_change_form(request, context, *args, **kwargs)


@admin.register(Refund)
class RefundAdmin(MoneyAdmin):
    """Refunds, newest first."""

    list_display = ("id", "state_badge", "given_back", "attempts", "why", "created", "settled")
    list_filter = ("state", "created_at")
    list_select_related = ("payment",)
    search_fields = ("=id", "=payment__id")
    ordering = ("-created_at", "id")
    fields = ("id", "of_payment", "state_badge", "given_back", "stated_reason", "by", "told_reason", "attempts", "created", "settled")

    @admin.display(description=_("payment"))
    def of_payment(self, refund: Refund) -> SafeString:
        return _page_of("payment", refund.payment_id, label=refund.payment_id)

    @admin.display(description=_("reason"))
    def why(self, refund: Refund) -> SafeString | str:
        return refund.stated_reason or self.told_reason(refund)

    @admin.display(description=_("by"))
    def by(self, refund: Refund) -> SafeString | str:
        return _person(refund.refunded_by_id)

    @admin.display(description=_("amount"), ordering="amount")
    def given_back(self, refund: Refund) -> str:
        return format_money(refund.amount, refund.payment.currency)


@admin.register(Posting)
class PostingAdmin(OperatorAdmin):
    """The ledger, newest first."""

    list_display = ("posted", "entry", "sum", "debit", "credit", "of_payment")
    list_filter = ("entry", "currency", "posted_at")
    search_fields = ("=id", "=payment__id", "=refund__id")
    ordering = ("-posted_at", "id")

    sum = money_column("amount", label=_("amount"))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Call the list as the menu does."""
        return super().changelist_view(request, {"title": _("Ledger"), **(extra_context or {})})

    @admin.display(description=_("payment"), ordering="payment_id")
    def of_payment(self, posting: Posting) -> SafeString:
        return _page_of("payment", posting.payment_id, label=posting.payment_id)

    posted = instant_column("posted_at", label=_("posted at"))


def _page_of(kind: str, row_id: Any, *, label: object) -> SafeString:
    return link(address=reverse(f"admin:payments_{kind}_change", args=[row_id]), label=label)


def _person(person_id: Any) -> SafeString | str:
    """Return a person as a link to their page; who has no account, such as a guest of a manager, has none."""
    if person_id is None:
        return EMPTY
    found = next(iter(accounts.list_people(user_ids=[person_id])), None)
    return link(address=reverse("admin:accounts_user_change", args=[person_id]), label=found.display_name) if found else str(person_id)
