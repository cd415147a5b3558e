"""The page on which managers block days of an item, as for a repair, and lift such a block."""

import unicodedata
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone, localdate
from django.utils.translation import gettext_lazy as _

from apps.rentals.domain import DAY, HORIZON
from apps.rentals.errors import AlreadyBlockedError, PeriodPastError, PeriodTooFarError
from apps.rentals.models import Block
from apps.rentals.queries import blocks
from apps.rentals.services import blocking
from gdmarket import clock
from gdmarket.admin import ManagerOwnedAdmin, instant_column, is_item_manager, is_operator, link
from gdmarket.errors import DomainError
from gdmarket.ids import read_id, uuid7
from gdmarket.text import is_plain

MOST_CHOICES = 1_000
"""How many items there are to choose from; others are blocked from their own page."""


class BlockForm(forms.Form):
    """Which item is blocked, from which day to which, both included, and why."""

    item = forms.TypedChoiceField(label=_("Item"), coerce=UUID)
    first_day = forms.DateField(label=_("From"), widget=forms.DateInput(attrs={"type": "date", "class": "vTextField"}, format="%Y-%m-%d"))
    last_day = forms.DateField(
        label=_("To"),
        help_text=_("The last day that is blocked."),
        widget=forms.DateInput(attrs={"type": "date", "class": "vTextField"}, format="%Y-%m-%d"),
    )
    reason = forms.CharField(label=_("Reason"), max_length=200, required=False, help_text=_("For yourself alone, such as a repair."))

    def __init__(self, *args: Any, items: Sequence[tuple[str, str]], **options: Any) -> None:
        """Offer the items, each an id and a name."""
        super().__init__(*args, **options)
        self.fields["item"].choices = items  # type: ignore[attr-defined]  # a field of choices

    def clean_reason(self) -> str:
        """Return the reason without control characters."""
        reason = unicodedata.normalize("NFC", self.cleaned_data["reason"])
        if not is_plain(text=reason, may_break=False):
            raise forms.ValidationError(_("Control characters are not allowed."), code="control_characters")
        return reason

    def clean_first_day(self) -> date:
        """Return the day, which is not past."""
        return _within_a_year(self.cleaned_data["first_day"])

    def clean_last_day(self) -> date:
        """Return the day, which is not past either."""
        return _within_a_year(self.cleaned_data["last_day"])


@admin.register(Block)
class BlockAdmin(ManagerOwnedAdmin):
    """The blocked days of a manager's items, the last first; operators see everybody's."""

    list_display = ("item", "period", "reason", "blocked", "lift")
    list_display_links = None
    ordering = ("-ends_at", "-id")
    actions = None
    fields = ("item", "period", "reason", "blocked")

    @admin.display(description=_("item"))
    def item(self, block: Any) -> SafeString:
        name = getattr(block, "item_name", None) or blocks.name_items(item_ids=[block.item_id]).get(block.item_id, str(block.item_id))
        return link(address=reverse("admin:items_item_change", args=[block.item_id]), label=name)

    @admin.display(description=_("blocked days"), ordering="ends_at")
    def period(self, block: Block) -> str:
        return str(block)

    blocked = instant_column("created_at", label=_("blocked at"))

    @admin.display(description=_("next step"))
    def lift(self, block: Block) -> SafeString:
        about = format_html('{}<span class="visually-hidden">: {}</span>', _("Lift"), block)
        return link(address=reverse("admin:rentals_block_delete", args=[block.pk]), label=about)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read the names of all items of the page at once."""
        page = super().get_changelist_instance(request)
        names = blocks.name_items(item_ids=[block.item_id for block in page.result_list])
        for block in page.result_list:
            block.item_name = names.get(block.item_id, str(block.item_id))
        return page

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Ask for the days, and block them; `item`, `from` and `to` in the address fill in the form."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = BlockForm(request.POST if request.method == "POST" else None, items=_choices(request), initial=_asked(request))
        if form.is_bound and form.is_valid() and self._block(request, form):
            return HttpResponseRedirect(reverse("admin:rentals_block_changelist"))
        context = {**self.admin_site.each_context(request), "opts": self.opts, "form": form, "title": _("Block days")}
        return TemplateResponse(request, "admin/rentals/block/add.html", context)

    def _block(self, request: HttpRequest, form: BlockForm) -> bool:
        """Block the days, or say on the form why that is refused; return whether they are blocked. The same form again changes nothing."""
        person, days = request.user, form.cleaned_data
        starts_at, ends_at = _midnight(days["first_day"]), _midnight(days["last_day"] + DAY)
        try:
            block = blocking.block_period(
                block_id=uuid7(),
                item_id=days["item"],
                by=_id_of(person),
                as_operator=is_operator(person),
                starts_at=starts_at,
                ends_at=ends_at,
                reason=days["reason"],
                now=clock.now(),
            )
        except AlreadyBlockedError as refused:
            existing = blocks.find_block(item_id=days["item"], starts_at=starts_at, ends_at=ends_at)
            if existing is None or (existing.starts_at, existing.ends_at, existing.reason) != (starts_at, ends_at, days["reason"]):
                form.add_error(None, refused.message)
                return False
            self.message_user(request, _("“%(block)s” was blocked already.") % {"block": existing}, messages.INFO)
            return True
        except DomainError as refused:
            form.add_error(None, _told(refused))
            return False
        self.log_addition(request, block, [{"added": {}}])
        self.message_user(request, _("“%(block)s” is blocked.") % {"block": block}, messages.SUCCESS)
        return True

    def delete_model(self, request: HttpRequest, obj: Block) -> None:
        """Lift the block."""
        blocking.unblock_period(block_id=obj.pk, by=_id_of(request.user), as_operator=is_operator(request.user), now=clock.now())

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Ask, then lift the block; one that was lifted meanwhile is told."""
        try:
            return super().delete_view(request, object_id, {"title": _("Lift the block"), **(extra_context or {})})
        except DomainError as refused:
            self.message_user(request, refused.message, messages.ERROR)
            return HttpResponseRedirect(reverse("admin:rentals_block_changelist"))

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        self.message_user(request, _("“%(block)s” is free again.") % {"block": obj_display}, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:rentals_block_changelist"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_operator(request.user) or is_item_manager(request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_view_permission(request, obj)


def _choices(request: HttpRequest) -> list[tuple[str, str]]:
    """Return the items that a person may block, by name, and the one in the address among them."""
    listings = blocks.list_listings(manager_id=None if is_operator(request.user) else _id_of(request.user))
    found = {str(item_id): name for item_id, name in listings.values_list("item_id", "name")[:MOST_CHOICES]}
    for named in (request.GET.get("item", ""), request.POST.get("item", "")):
        if named not in found and (item_id := read_id(named)):
            found |= {str(item_id): name for name in listings.filter(item_id=item_id).values_list("name", flat=True)}
    return [("", "---------"), *found.items()]


def _asked(request: HttpRequest) -> dict[str, Any]:
    """Return the item and the days that the address names; what is no day is left out."""
    first = _day(request.GET.get("from", "")) or localdate()
    return {"item": request.GET.get("item", ""), "first_day": first, "last_day": _day(request.GET.get("to", "")) or first}


def _told(refused: DomainError) -> SafeString | str:
    """Return a refusal with a link to the rental that is in the way."""
    rental = refused.details.get("rental")
    if rental is None:
        return refused.message
    return format_html(
        "{} {}", refused.message, link(address=reverse("admin:rentals_rental_change", args=[rental]), label=_("See the rental"))
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=get_current_timezone())


def _within_a_year(day: date) -> date:
    if day < localdate():
        raise forms.ValidationError(PeriodPastError().message, code=PeriodPastError.code)
    if day > localdate() + HORIZON:
        raise forms.ValidationError(PeriodTooFarError().message, code=PeriodTooFarError.code)
    return day


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _id_of(person: Any) -> UUID:
    found: UUID = person.pk
    return found
