"""Screens on which item managers, and operators for them, hand items over, take them back, and cancel."""

import unicodedata
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import linebreaksbr
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.accounts import facade as accounts
from apps.rentals.admin import blocks, words  # noqa: F401  # `blocks` registers its page
from apps.rentals.admin.filters import WorkQueueFilter
from apps.rentals.domain import REVOCABLE, TIME_TO_UNDO, RentalState, is_overdue
from apps.rentals.models import Rental
from apps.rentals.queries import renters, tables
from apps.rentals.services import cancelling, lending
from gdmarket import clock
from gdmarket.admin import (
    EMPTY,
    badge,
    command_button,
    format_period,
    instant_column,
    is_operator,
    link,
    money_column,
    overdue_badge,
)
from gdmarket.errors import DomainError
from gdmarket.sheets.exporting import ExportableAdmin
from gdmarket.text import is_plain

_COMMANDS: dict[str, Callable[..., Rental]] = {
    "hand-over": lending.hand_over,
    "take-back": lending.take_back,
    "undo-return": lending.undo_return,
    "take-back-late": lending.take_back,
    "cancel": cancelling.cancel_rental,
}
_ALLOWED = {RentalState.PAID: ("hand-over", _("Hand over")), RentalState.RENTED: ("take-back", _("Take back"))}
_LABELS = {
    "hand-over": _("Hand over"),
    "take-back": _("Take back"),
    "undo-return": _("Undo the return"),
    "take-back-late": _("Record an earlier return"),
    "cancel": _("Cancel the rental"),
}
_DONE = {
    "hand-over": _("“%(rental)s” was handed over."),
    "take-back": _("“%(rental)s” is back."),
    "undo-return": _("“%(rental)s” is still with the renter."),
    "take-back-late": _("“%(rental)s” is back."),
    "cancel": _("“%(rental)s” is cancelled."),
}
_REASONS = {
    "no_hold_left": _("the payment was cancelled, and the item may not be held unpaid any longer"),
    "item_withdrawn": _("the item was withdrawn"),
    "item_unknown": _("the item is not known"),
}
_PAYMENT_STATES = {
    "pending": _("in progress"),
    "unknown": _("not known yet"),
    "approved": _("approved"),
    "declined": _("declined"),
    "not_sent": _("not sent"),
    "refunded": _("refunded"),
}


class CancelForm(forms.Form):
    """Why a rental is cancelled; both sides read it."""

    reason = forms.CharField(label=_("Reason"), max_length=200, required=False, widget=forms.Textarea(attrs={"rows": 4, "autofocus": True}))

    def clean_reason(self) -> str:
        """Return the reason with plain line breaks, and without control characters."""
        reason = unicodedata.normalize("NFC", self.cleaned_data["reason"]).replace("\r\n", "\n")
        if not is_plain(text=reason, may_break=True):
            raise forms.ValidationError(_("Control characters are not allowed."), code="control_characters")
        return reason


class ReturnForm(forms.Form):
    """When an item came back, in the time zone of the admin."""

    returned_at = forms.DateTimeField(
        label=_("Returned at"), widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}, format="%Y-%m-%dT%H:%M:%S")
    )


_SUBMIT = {"cancel": _("Cancel the rental"), "take-back-late": _("Record the return")}
_FORMS: dict[str, type[forms.Form]] = {"cancel": CancelForm, "take-back-late": ReturnForm}


@admin.register(Rental)
class RentalAdmin(ExportableAdmin):
    """The rentals of a manager's items; operators see everybody's."""

    list_display = ("item_name", "renter", "state_badge", "period", "price_shown", "command")
    list_filter = (WorkQueueFilter, "state", "starts_at", "ends_at")
    search_fields = ("search_text",)
    search_help_text = _("Words in the item's or the renter's name, the renter's e-mail address, or the rental's id")
    person_column, find_people = "renter_id", staticmethod(words.find_renters)
    ordering = ("-requested_at", "id")
    export_table = tables.RentalTable
    actions = ("hand_over_chosen", "take_back_chosen")
    fieldsets = (
        (None, {"fields": ("item", "state_badge", "renter", "manager", "price_shown", "requested")}),
        (_("What was agreed"), {"fields": ("agreed", "item_changed")}),
        (_("Period"), {"fields": ("period", "handed_over", "returned")}),
        (_("Payment"), {"fields": ("payment", "payment_due", "paid")}),
        (_("How it ended"), {"fields": ("cancelled_by", "reason", "closed")}),
    )

    @admin.display(description=_("state"), ordering="state")
    def state_badge(self, rental: Rental) -> SafeString:
        state = badge(kind=rental.state, label=rental.get_state_display())
        if is_overdue(state=rental.state, ends_at=rental.ends_at, now=clock.now()):
            return overdue_badge()
        if rental.cancel_requested and not rental.closed_at:
            return format_html("{} {}", state, badge(kind="overdue", label=_("cancel requested")))
        return state

    @admin.display(description=_("period"), ordering="starts_at")
    def period(self, rental: Rental) -> SafeString:
        return format_period(rental.starts_at, rental.ends_at)

    price_shown = money_column("price", label=_("price"))

    @admin.display(description=_("item"))
    def item(self, rental: Rental) -> SafeString:
        return link(address=reverse("admin:items_item_change", args=[rental.item_id]), label=rental.item_name)

    @admin.display(description=_("item manager"))
    def manager(self, rental: Rental) -> str:
        return next((person.display_name for person in accounts.list_people(user_ids=[rental.manager_id])), str(rental.manager_id))

    @admin.display(description=_("renter"))
    def renter(self, rental: Any) -> str:
        if not hasattr(rental, "renter_name"):  # a page of one rental
            _name_renters([rental])
        name: str = rental.renter_name
        return name

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list; bookmarks of before 0.3.0 call the filter by work queue `at_hand`."""
        if "at_hand" not in request.GET:
            return super().changelist_view(request, {"opened_at": clock.now(), **(extra_context or {})})
        query = request.GET.copy()
        query["work_queue"] = query.pop("at_hand")[-1]
        return HttpResponseRedirect(f"{request.path}?{query.urlencode()}")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read the names of all renters of the page at once."""
        page = super().get_changelist_instance(request)
        _name_renters(page.result_list)
        return page

    @admin.display(description=_("the item as agreed"))
    def agreed(self, rental: Rental) -> SafeString | str:
        """Return the terms, one a line, each with what it is now where that differs."""
        return words.agreed_lines(rental)

    @admin.display(description=_("payment"))
    def payment(self, rental: Rental) -> SafeString | str:
        if not rental.payment_state:
            return EMPTY
        return badge(kind=rental.payment_state, label=_PAYMENT_STATES.get(rental.payment_state, rental.payment_state))

    @admin.display(description=_("reason"))
    def reason(self, rental: Rental) -> SafeString | str:
        return linebreaksbr(str(_REASONS.get(rental.cancel_reason, rental.cancel_reason)), autoescape=True) or EMPTY

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
        """Carry out a command on one rental, after its form where it has one, and redirect to the page that the request came from."""
        rental = self.get_object(request, str(rental_id))
        if rental is None or not self.has_view_permission(request, rental):
            raise PermissionDenied
        if form_class := _FORMS.get(command):
            form = form_class(request.POST if request.method == "POST" else None)
            if not form.is_valid() or not self._command(request, rental, command, **form.cleaned_data):
                return self._ask(request, rental, command, form)
        if request.method != "POST" or command in _FORMS:  # a page that was reloaded, or opened after signing in
            return HttpResponseRedirect(reverse("admin:rentals_rental_change", args=[rental_id]))
        self._command(request, rental, command)
        referer = request.headers.get("Referer", "")
        is_ours = url_has_allowed_host_and_scheme(referer, allowed_hosts={request.get_host()}, require_https=request.is_secure())
        return HttpResponseRedirect(referer if is_ours else reverse("admin:rentals_rental_change", args=[rental_id]))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Name the commands in the reader's language, each with the reason that was given."""
        answer = super().history_view(request, object_id, extra_context)
        for entry in (getattr(answer, "context_data", None) or {}).get("action_list", ()):
            command, _line, reason = entry.change_message.partition("\n")
            if command in _LABELS:
                entry.change_message = f"{_LABELS[command]}: {reason}" if reason else str(_LABELS[command])
        return answer

    def get_fieldsets(self, request: HttpRequest, obj: Rental | None = None) -> Any:
        """Leave out how it ended while it has not."""
        has_ended = obj is not None and (obj.closed_at or obj.cancelled_by or obj.cancel_reason)
        return self.fieldsets if has_ended else self.fieldsets[:-1]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.command_view)
        commands = [
            path(f"<id:rental_id>/{command}/", view, {"command": command}, name=f"rentals_rental_{command}") for command in _COMMANDS
        ]
        return [*commands, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        rental: Rental = kwargs["obj"]
        context["commands"] = [
            {"url": _address(rental, command), "label": _LABELS[command], "asks": command in _FORMS} for command in _commands_of(rental)
        ]
        return super().render_change_form(request, context, *args, **kwargs)

    def _command_each(self, request: HttpRequest, rentals: QuerySet[Rental], command: str) -> None:
        for rental in rentals.order_by("pk"):
            self._command(request, rental, command)

    def _ask(self, request: HttpRequest, rental: Rental, command: str, form: forms.Form) -> HttpResponse:
        field = form.fields["reason" if command == "cancel" else "returned_at"]
        field.help_text = words.help_of(rental, command)
        if command == "cancel" and rental.ends_at <= clock.now():
            field.widget.attrs["required"] = True
        facts = [(_("Renter"), self.renter(rental)), *words.facts_of(rental, command)]
        asked = {"rental": rental, "title": _LABELS[command], "submit": _SUBMIT[command], "facts": facts, "form": form}
        context = {**self.admin_site.each_context(request), "opts": self.opts, **asked}
        return TemplateResponse(request, "admin/rentals/rental/command.html", context)

    def _command(self, request: HttpRequest, rental: Rental, command: str, **particulars: Any) -> bool:
        """Carry a command out, and say what came of it; return whether it was done."""
        person: Any = request.user
        try:
            _COMMANDS[command](rental_id=rental.pk, by=person.pk, as_operator=is_operator(person), now=clock.now(), **particulars)
        except DomainError as refused:
            self.message_user(request, f"{rental.item_name}: {refused.message}", messages.ERROR)
            return False
        self.log_change(request, rental, f"{command}\n{particulars.get('reason', '')}")
        self.message_user(request, _DONE[command] % {"rental": rental.item_name}, messages.SUCCESS)
        return True


def _commands_of(rental: Rental) -> list[str]:
    """Return the commands that a rental's page offers; the services decide whether they are allowed."""
    commands = [_ALLOWED[RentalState(rental.state)][0]] if rental.state in _ALLOWED else []
    if rental.state == RentalState.RENTED:
        commands.append("take-back-late")
    if rental.state == RentalState.RETURNED and rental.closed_at and clock.now() - rental.closed_at <= TIME_TO_UNDO:
        commands.append("undo-return")
    if rental.state in REVOCABLE and not rental.cancel_requested:
        commands.append("cancel")
    return commands


def _name_renters(rentals: Iterable[Any]) -> None:
    """Give each of these rows its `renter_name`."""
    names = renters.list_renter_names(renter_ids={rental.renter_id for rental in rentals})
    for rental in rentals:
        rental.renter_name = names.get(rental.renter_id, str(rental.renter_id))


def _address(rental: Rental, command: str) -> str:
    return reverse(f"admin:rentals_rental_{command}", args=[rental.pk])
