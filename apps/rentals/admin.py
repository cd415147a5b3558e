"""Screens on which item managers hand items over and take them back."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.accounts import facade as accounts
from apps.rentals import queries
from apps.rentals.domain import RentalState
from apps.rentals.models import Rental
from apps.rentals.services import lending
from gdmarket import clock
from gdmarket.admin import EMPTY, ManagerOwnedAdmin, badge, command_button, format_period, instant_column, money_column
from gdmarket.errors import DomainError

_COMMANDS: dict[str, Callable[..., Rental]] = {"hand-over": lending.hand_over, "take-back": lending.take_back}
_ALLOWED = {RentalState.PAID: ("hand-over", _("Hand over")), RentalState.RENTED: ("take-back", _("Take back"))}
_DONE = {"hand-over": _("“%(rental)s” was handed over."), "take-back": _("“%(rental)s” is back.")}
_TERMS = {
    "name": _("name"),
    "description": _("description"),
    "category": _("category"),
    "place": _("place"),
    "latitude": _("latitude"),
    "longitude": _("longitude"),
    "deposit": _("deposit"),
}
_PAYMENT_STATES = {
    "pending": _("in progress"),
    "unknown": _("not known yet"),
    "approved": _("approved"),
    "declined": _("declined"),
    "not_sent": _("not sent"),
    "refunded": _("refunded"),
}


@admin.register(Rental)
class RentalAdmin(ManagerOwnedAdmin):
    """The rentals of a manager's items; operators see everybody's."""

    list_display = ("item_name", "state_badge", "period", "price_shown", "requested", "command")
    list_filter = ("state", "starts_at", "ends_at")
    search_fields = ("search_text",)
    search_help_text = _("Words in the item's or the renter's name, the renter's e-mail address, or the rental's id")
    person_column, find_people = "renter_id", staticmethod(accounts.find_people)
    ordering = ("-requested_at", "id")
    actions = ("hand_over_chosen", "take_back_chosen")
    fieldsets = (
        (None, {"fields": ("item_name", "state_badge", "renter", "price_shown")}),
        (_("What was agreed"), {"fields": ("agreed", "item_changed")}),
        (_("Period"), {"fields": ("period", "handed_over", "returned")}),
        (_("Payment"), {"fields": ("payment", "payment_due", "paid")}),
        (_("How it ended"), {"fields": ("cancel", "cancel_reason", "closed")}),
    )

    @admin.display(description=_("state"), ordering="state")
    def state_badge(self, rental: Rental) -> SafeString:
        return badge(kind=rental.state, label=rental.get_state_display())

    @admin.display(description=_("period"), ordering="starts_at")
    def period(self, rental: Rental) -> SafeString:
        return format_period(rental.starts_at, rental.ends_at)

    price_shown = money_column("price", label=_("price"))

    @admin.display(description=_("renter"))
    def renter(self, rental: Rental) -> str:
        return accounts.get_person(user_id=rental.renter_id).display_name

    @admin.display(description=_("the item as agreed"))
    def agreed(self, rental: Rental) -> SafeString | str:
        """Return the terms, one a line, each with what it is now where that differs."""
        agreement = queries.get_agreement(rental=rental)
        if agreement.agreed is None:
            return EMPTY
        lines = []
        for name, label in _TERMS.items():
            now = format_html(str(_(" – now {value}")), value=getattr(agreement.current, name)) if name in agreement.changed else ""
            lines.append((label, getattr(agreement.agreed, name), now))
        return format_html_join("", '<div class="line">{}: {}<strong>{}</strong></div>', lines)

    @admin.display(description=_("payment"))
    def payment(self, rental: Rental) -> SafeString | str:
        if not rental.payment_state:
            return EMPTY
        return badge(kind=rental.payment_state, label=_PAYMENT_STATES.get(rental.payment_state, rental.payment_state))

    @admin.display(description=_("cancel requested"))
    def cancel(self, rental: Rental) -> SafeString | str:
        return badge(kind="overdue", label=_("cancel requested")) if rental.cancel_requested else EMPTY

    requested = instant_column("requested_at", label=_("requested at"))
    item_changed = instant_column("item_changed_at", label=_("changed since"))
    payment_due = instant_column("payment_due_at", label=_("to be paid by"))
    paid = instant_column("paid_at", label=_("paid at"))
    handed_over = instant_column("handed_over_at", label=_("handed over at"))
    returned = instant_column("returned_at", label=_("returned at"))
    closed = instant_column("closed_at", label=_("closed at"))

    @admin.display(description=_("next step"))
    def command(self, rental: Rental) -> SafeString | str:
        if rental.state not in _ALLOWED:
            return EMPTY
        command, label = _ALLOWED[RentalState(rental.state)]
        return command_button(address=_address(rental, command), label=label, about=rental.item_name)

    @admin.action(description=_("Hand over the chosen items"), permissions=["view"])
    def hand_over_chosen(self, request: HttpRequest, rentals: QuerySet[Rental]) -> None:
        self._command_each(request, rentals, "hand-over")

    @admin.action(description=_("Take the chosen items back"), permissions=["view"])
    def take_back_chosen(self, request: HttpRequest, rentals: QuerySet[Rental]) -> None:
        self._command_each(request, rentals, "take-back")

    def command_view(self, request: HttpRequest, rental_id: UUID, command: str) -> HttpResponse:
        """Hand one item over, or take it back, and redirect to the page that the request came from."""
        rental = self.get_object(request, str(rental_id))
        if rental is None or not self.has_view_permission(request, rental):
            raise PermissionDenied
        if request.method != "POST":  # a page that was reloaded, or opened after signing in
            return HttpResponseRedirect(reverse("admin:rentals_rental_change", args=[rental_id]))
        self._command(request, rental, command)
        referer = request.headers.get("Referer", "")
        is_ours = url_has_allowed_host_and_scheme(referer, allowed_hosts={request.get_host()}, require_https=request.is_secure())
        return HttpResponseRedirect(referer if is_ours else reverse("admin:rentals_rental_change", args=[rental_id]))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.command_view)
        commands = [
            path(f"<id:rental_id>/{command}/", view, {"command": command}, name=f"rentals_rental_{command}") for command in _COMMANDS
        ]
        return [*commands, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        rental: Rental = kwargs["obj"]
        if rental.state in _ALLOWED:
            command, label = _ALLOWED[RentalState(rental.state)]
            context["command"] = {"url": _address(rental, command), "label": label}
        return super().render_change_form(request, context, *args, **kwargs)

    def _command_each(self, request: HttpRequest, rentals: QuerySet[Rental], command: str) -> None:
        for rental in rentals.order_by("pk"):
            self._command(request, rental, command)

    def _command(self, request: HttpRequest, rental: Rental, command: str) -> None:
        try:
            _COMMANDS[command](rental_id=rental.pk, by=rental.manager_id, now=clock.now())
        except DomainError as refused:
            self.message_user(request, f"{rental.item_name}: {refused.message}", messages.ERROR)
            return
        self.log_change(request, rental, command)
        self.message_user(request, _DONE[command] % {"rental": rental.item_name}, messages.SUCCESS)


def _address(rental: Rental, command: str) -> str:
    return reverse(f"admin:rentals_rental_{command}", args=[rental.pk])
