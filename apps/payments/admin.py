"""Payments, refunds and the ledger in the admin: read-only, for operators."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.payments.models import Payment, Posting, Refund
from gdmarket.admin import ReadOnlyAdmin, badge, format_money, instant_column, is_operator, money_column


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

    created = instant_column("created_at", label=_("created at"))
    settled = instant_column("settled_at", label=_("settled at"))


@admin.register(Payment)
class PaymentAdmin(MoneyAdmin):
    """Payments, newest first."""

    list_display = ("id", "state_badge", "paid", "given_back", "reason", "created", "settled")
    list_filter = ("state", "currency", "created_at")
    search_fields = ("=id", "=rental_id", "=payer_id")
    ordering = ("-created_at", "id")

    paid = money_column("amount", label=_("amount"))
    given_back = money_column("refunded", label=_("refunded"))


@admin.register(Refund)
class RefundAdmin(MoneyAdmin):
    """Refunds, newest first."""

    list_display = ("id", "state_badge", "given_back", "attempts", "reason", "created", "settled")
    list_filter = ("state", "created_at")
    list_select_related = ("payment",)
    search_fields = ("=id", "=payment__id")
    ordering = ("-created_at", "id")

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

    @admin.display(description=_("payment"), ordering="payment_id")
    def of_payment(self, posting: Posting) -> str:
        return str(posting.payment_id)

    posted = instant_column("posted_at", label=_("posted at"))
