"""The admin's pages on which a command on a rental is chosen, explained and carried out."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.rentals.admin.bulk import command_chosen
from apps.rentals.admin.commands import (
    CANCEL,
    COMMANDS,
    HAND_OVER,
    NEXT_STEPS,
    TAKE_BACK,
    TAKE_BACK_LATE,
    UNDO_RETURN,
    DeskCommand,
    carry_out,
    commands_of,
    is_early,
    read_history,
    said_of,
    said_when_done,
)
from apps.rentals.admin.confirming import confirmation_of, help_of, sum_going_back
from apps.rentals.domain import RentalState
from apps.rentals.models import Rental
from apps.rentals.queries import renters
from apps.rentals.queries.renters import KnownRenter
from apps.rentals.services import money
from gdmarket import clock
from gdmarket.admin import EMPTY, command_button, link
from gdmarket.errors import DomainError
from gdmarket.sheets.exporting import ExportableAdmin


class RentalCommandsAdmin(ExportableAdmin):
    """An admin of rentals with the commands on them, one by one and in bulk."""

    actions = ("hand_over_chosen", "take_back_chosen", "cancel_chosen")

    @admin.display(description=_("next step"))
    def command(self, rental: Rental) -> SafeString | str:
        step = NEXT_STEPS.get(RentalState(rental.state))
        return command_button(address=_address(rental, step), label=step.label, about=rental.item_name) if step else EMPTY

    @admin.action(description=_("Hand over the chosen items"), permissions=["view"])
    def hand_over_chosen(self, request: HttpRequest, rentals: QuerySet[Rental]) -> HttpResponse | None:
        return command_chosen(self, request, rentals, HAND_OVER)

    @admin.action(description=_("Take the chosen items back"), permissions=["view"])
    def take_back_chosen(self, request: HttpRequest, rentals: QuerySet[Rental]) -> HttpResponse | None:
        return command_chosen(self, request, rentals, TAKE_BACK)

    @admin.action(description=_("Cancel the chosen rentals"), permissions=["view"])
    def cancel_chosen(self, request: HttpRequest, rentals: QuerySet[Rental]) -> HttpResponse | None:
        return command_chosen(self, request, rentals, CANCEL)

    def command_view(self, request: HttpRequest, rental_id: UUID, command: str) -> HttpResponse:
        """Say what a command changes, and carry it out once that is confirmed; then redirect to the page that it was chosen on."""
        rental = self.get_object(request, str(rental_id))
        if rental is None or not self.has_view_permission(request, rental):
            raise PermissionDenied
        chosen = COMMANDS[command]
        if request.method != "POST":
            return self._ask(request, rental, chosen, chosen.form())
        form = chosen.form(request.POST)
        if not form.is_valid() or self._is_to_be_asked(request, rental, chosen):
            return self._ask(request, rental, chosen, form)
        if not self._command(request, rental, chosen, **form.cleaned_data) and form.fields:
            return self._ask(request, rental, chosen, form)
        return HttpResponseRedirect(_page_before(request) or reverse("admin:rentals_rental_change", args=[rental_id]))

    def _is_to_be_asked(self, request: HttpRequest, rental: Rental, command: DeskCommand) -> bool:
        """Return whether the person has not seen what there is to know: that it is not its day, or that another sum goes back by now."""
        if command is CANCEL and (seen := request.POST.get("goes_back")):
            taken = money.list_taken(rentals=[rental]).get(rental.pk)
            return seen != str(sum_going_back(rental, taken))
        return is_early(rental, command, now=clock.now()) and "confirmed" not in request.POST

    def tell_history(self, entries: Sequence[Any]) -> None:
        """Name the commands in the reader's language, each with the reason or the time that was given."""
        for entry in entries:
            entry.change_message = read_history(entry.change_message)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.command_view)
        commands = [path(f"<id:rental_id>/{key}/", view, {"command": key}, name=f"rentals_rental_{key}") for key in COMMANDS]
        return [*commands, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        rental: Rental = kwargs["obj"]
        commands = commands_of(rental, now=clock.now())
        context["commands"] = [{"url": _address(rental, command), "label": command.label} for command in commands]
        return super().render_change_form(request, context, *args, **kwargs)

    def _ask(self, request: HttpRequest, rental: Any, command: DeskCommand, form: forms.Form) -> HttpResponse:
        now = clock.now()
        for field in form.fields.values():
            field.help_text = str(help_of(rental, command, now=now))
            if command is CANCEL and rental.ends_at <= now:
                field.widget.attrs["required"] = True
        read_renters([rental])
        confirmation = confirmation_of(rental, command, renter=rental.known_renter, now=now)
        asked: dict[str, Any] = {
            "rental": rental,
            "title": command.label,
            "submit": command.submit,
            "form": form,
            "before": _page_before(request),
            "has_changed": "goes_back" in request.POST and request.POST["goes_back"] != str(confirmation.goes_back),
            "confirmation": confirmation,
        }
        context = {**self.admin_site.each_context(request), "opts": self.opts, **asked}
        return TemplateResponse(request, "admin/rentals/rental/command.html", context)

    def _command(self, request: HttpRequest, rental: Rental, command: DeskCommand, **particulars: Any) -> bool:
        """Carry a command out, and say what came of it; return whether it was done."""
        try:
            changed = carry_out(self, request, rental, command, **particulars)
        except DomainError as refused:
            self.message_user(request, f"{rental.item_name}: {said_of(refused, rental, command, now=clock.now())}", messages.ERROR)
            return False
        done = said_when_done(changed, command)
        if command in {TAKE_BACK, TAKE_BACK_LATE}:
            done = format_html("{} {}", done, link(address=_address(rental, UNDO_RETURN), label=_("Undo")))
        self.message_user(request, done, messages.SUCCESS)
        return True


def read_renters(rentals: Iterable[Any]) -> None:
    """Give each of these rows its `known_renter`."""
    known = renters.list_renters(renter_ids={rental.renter_id for rental in rentals})
    for rental in rentals:
        rental.known_renter = known.get(rental.renter_id) or KnownRenter(name=str(rental.renter_id), contact="")


def _page_before(request: HttpRequest) -> str:
    """Return the page of ours on which a command was chosen; "" where that is not known."""
    before = request.POST.get("before", request.headers.get("Referer", ""))
    is_ours = url_has_allowed_host_and_scheme(before, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return before if is_ours and urlsplit(before).path != request.path else ""


def _address(rental: Rental, command: DeskCommand) -> str:
    return reverse(f"admin:rentals_rental_{command.key}", args=[rental.pk])
