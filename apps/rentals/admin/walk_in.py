"""The screen on which a manager books an item of theirs for somebody at the desk, who pays in cash."""

import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.timezone import get_current_timezone, get_current_timezone_name, localdate, localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.rentals import queries
from apps.rentals.errors import (
    AlreadyRentedError,
    AlreadyRequestedError,
    ListingNotFoundError,
    NotTheManagerError,
    PeriodPastError,
    PeriodTakenError,
    PriceChangedError,
)
from apps.rentals.models import Block, Listing, Rental
from apps.rentals.queries import blocks
from apps.rentals.queries.walk_in import WalkInQuote, get_own_listing, quote_walk_in
from apps.rentals.services import walk_in
from gdmarket import clock
from gdmarket.admin import format_money, format_period
from gdmarket.errors import DomainError
from gdmarket.ids import read_id, uuid7
from gdmarket.text import is_plain, shows_something

_OPENS, _CLOSES = time(9), time(18)
_AT_LEAST, _DAY, _MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
_FARTHEST = timedelta(days=400)
_WRITTEN = "%Y-%m-%dT%H:%M"
_MAX_DIGITS = 15
# What the errors say in the words of the API.
_MESSAGES: Mapping[type[DomainError], Promise] = {
    PeriodTakenError: _("The item is taken for that period."),
    PeriodPastError: _("That day or time is past: choose another."),
    PriceChangedError: _("The price is another now: look at it, and book again."),
    AlreadyRequestedError: _("This renter has the item for a part of that period already."),
    AlreadyRentedError: _("This renter has the item already."),
}


class WalkInForm(forms.Form):
    """From when to when, and for whom. `rental_id` is that of the rental that the form books: sent twice, it books once."""

    rental_id = forms.UUIDField(widget=forms.HiddenInput)
    starts_at = forms.DateTimeField(
        label=_("From"),
        required=False,
        help_text=_("Empty: now."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_WRITTEN),
    )
    ends_at = forms.DateTimeField(label=_("To"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_WRITTEN))
    renter_name = forms.CharField(
        label=_("Name"), max_length=100, required=False, widget=forms.TextInput(attrs={"autocomplete": "off", "class": "vTextField"})
    )
    contact = forms.CharField(
        label=_("Contact"),
        max_length=100,
        required=False,
        help_text=_("Such as a telephone number; for yourself alone."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "vTextField"}),
    )
    renter_email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        required=False,
        help_text=_("Of who has an account here; then leave name and contact empty."),
        widget=forms.EmailInput(attrs={"autocomplete": "off", "class": "vTextField"}),
    )

    def clean_renter_name(self) -> str:
        """Return the name as it is stored."""
        return _tidied(self.cleaned_data["renter_name"])

    def clean_contact(self) -> str:
        """Return the contact as it is stored."""
        return _tidied(self.cleaned_data["contact"])


def walk_in_view(request: HttpRequest, *, admit: Callable[[], object], board: str) -> HttpResponse:
    """Show the form with its price, or book; `board` is the address of the page on which items and days are chosen.

    `admit` counts a booking that is tried, and raises what refuses one too many.
    """
    item_id = read_id(request.GET.get("item", ""))
    if item_id is None:
        messages.info(request, _("Choose the item first: a free day of it, or “Book” beside it."))
        return HttpResponseRedirect(board)
    listing, now, refused = _own_listing(request, item_id), clock.now(), None
    form = WalkInForm(_posted(request) if request.method == "POST" else None, initial=_initial(request, now=now))
    if form.is_bound and form.is_valid() and request.POST.get("step") == "book":
        try:
            rental = _book(request, listing, form, admit)
            return HttpResponseRedirect(reverse("admin:rentals_rental_change", args=[rental.pk]))
        except DomainError as error:
            refused = error
    quote = None
    if not form.is_bound and _is_past(request.GET.get("from", ""), now=now):
        refused = PeriodPastError()
    elif not form.errors:
        try:
            quote = _quote(request, listing, form, now=now)
        except DomainError as error:
            refused = refused or error
    return _show(request, listing, form, quote=quote, refused=refused, board=board)


def propose(*, asked: QueryDict, now: datetime) -> dict[str, datetime | None]:
    """Return the period with which a form opens: of the days or instants `from` and `to`, by default today from now on.

    A day is from nine to six. What is no day or instant, or is past or far away, is as if it were not there.
    """
    first, last = (_read(asked.get(name, ""), now=now) for name in ("from", "to"))
    start = first if isinstance(first, datetime) else _at(first, _OPENS) if first and first > localdate(now) else None
    begins_at = start or now
    if isinstance(last, datetime) and last > begins_at:
        return {"starts_at": start, "ends_at": last}
    until = last if last and not isinstance(last, datetime) else localdate(begins_at)
    ends_at = _at(max(until, localdate(begins_at)), _CLOSES)
    return {"starts_at": start, "ends_at": ends_at if ends_at >= begins_at + _AT_LEAST else begins_at + _DAY}


def _own_listing(request: HttpRequest, item_id: UUID) -> Listing:
    person: Any = request.user
    try:
        return get_own_listing(item_id=item_id, by=person.pk)
    except (ListingNotFoundError, NotTheManagerError) as not_theirs:
        raise PermissionDenied from not_theirs


def _initial(request: HttpRequest, *, now: datetime) -> dict[str, Any]:
    return {"rental_id": uuid7(), **propose(asked=request.GET, now=now)}


def _posted(request: HttpRequest) -> QueryDict:
    """Return what was typed, with the period that was offered instead where that was taken."""
    said = request.POST.copy()
    starts_at, _space, ends_at = said.get("take", "").partition(" ")
    if ends_at:
        said["starts_at"], said["ends_at"] = starts_at, ends_at
    return said


def _quote(request: HttpRequest, listing: Listing, form: WalkInForm, *, now: datetime) -> WalkInQuote:
    person: Any = request.user
    period = form.cleaned_data if form.is_bound else form.initial
    return quote_walk_in(item_id=listing.item_id, by=person.pk, starts_at=period["starts_at"], ends_at=period["ends_at"], now=now)


def _book(request: HttpRequest, listing: Listing, form: WalkInForm, admit: Callable[[], object]) -> Rental:
    """Book, say so, and return the rental."""
    said, person = form.cleaned_data, request.user
    by: Any = person.pk
    known = queries.find_rental(rental_id=said["rental_id"])
    if known is not None and known.manager_id != by:
        raise PermissionDenied
    price = request.POST.get("expected_price", "")
    is_number = price.isascii() and price.isdecimal() and len(price) <= _MAX_DIGITS
    admit()
    rental = walk_in.book_walk_in(**said, item_id=listing.item_id, by=by, expected_price=int(price) if is_number else None, now=clock.now())
    if known is not None:
        messages.info(request, _("This was booked already."))
        return rental
    admin.site.get_model_admin(Rental).log_addition(request, rental, [{"added": {}}])
    booked = _("“%(item)s” is booked, and %(price)s in cash is received.")
    messages.success(request, booked % {"item": rental.item_name, "price": format_money(rental.price, rental.currency)})
    return rental


def _show(
    request: HttpRequest, listing: Listing, form: WalkInForm, *, quote: WalkInQuote | None, refused: DomainError | None, board: str
) -> HttpResponse:
    details = refused.details if refused else {}
    said = str(_MESSAGES.get(type(refused), refused.message)) if refused else ""
    block = _block_within(listing, form) if isinstance(refused, PeriodTakenError) else None
    if block is not None:
        said = gettext("Days of that period are blocked: lift the block, or choose others.")
    if refused and form.is_bound:
        field = getattr(refused, "field", None)
        form.add_error(field if field in form.fields else None, said)
    context = {
        **admin.site.each_context(request),
        "title": _("Walk-in booking"),
        "item": listing,
        "form": form,
        "refusal": "" if form.is_bound else said,
        "next_free": _offer(details.get("next_free")),
        "existing_id": details.get("rental"),
        "block_id": block and block.pk,
        "board": board,
        "quote": quote,
        "price": quote and format_money(quote.price.amount, quote.price.currency),
        "period": quote and format_period(quote.starts_at, quote.ends_at),
        "blocking": urlencode({"item": listing.item_id, **{name: request.GET.get(name, "")[:10] for name in ("from", "to")}}),
        "time_zone": get_current_timezone_name(),
    }
    return TemplateResponse(request, "admin/rentals/rental/walk_in.html", context)


def _block_within(listing: Listing, form: WalkInForm) -> Block | None:
    """Return the manager's own block in the period that the form names, if there is one."""
    period = form.cleaned_data if form.is_bound else form.initial
    return blocks.find_block(item_id=listing.item_id, starts_at=period["starts_at"] or clock.now(), ends_at=period["ends_at"])


def _offer(next_free: Any) -> dict[str, Any] | None:
    """Return a period that is free, in whole minutes, for people and for the form."""
    if not next_free:
        return None
    starts_at, lasting = next_free["starts_at"], next_free["ends_at"] - next_free["starts_at"]
    if starts_at.second:
        starts_at = starts_at.replace(second=0) + _MINUTE
    ends_at = starts_at + lasting
    return {"shown": format_period(starts_at, ends_at), "value": " ".join(f"{localtime(at):{_WRITTEN}}" for at in (starts_at, ends_at))}


def _read(text: str, *, now: datetime) -> date | datetime | None:
    """Return a day, or an instant of the current time zone, that is not past and not far away; None for all else."""
    with suppress(ValueError):
        on = date.fromisoformat(text)
        return on if localdate(now) <= on <= localdate(now + _FARTHEST) else None
    with suppress(ValueError):
        at = datetime.strptime(text, _WRITTEN).replace(tzinfo=get_current_timezone())
        return at if now < at <= now + _FARTHEST else None
    return None


def _is_past(text: str, *, now: datetime) -> bool:
    """Return whether a day, or an instant's, is before today; what was an instant of today is as if it were now."""
    with suppress(ValueError):
        return date.fromisoformat(text[:10]) < localdate(now)
    return False


def _at(on: date, hour: time) -> datetime:
    return datetime.combine(on, hour, tzinfo=get_current_timezone())


def _tidied(text: str) -> str:
    """Return a text of one line in NFC, "" where it shows nothing."""
    if not is_plain(text=text, may_break=False):
        raise forms.ValidationError(_("Control characters are not allowed."), code="control_characters")
    return unicodedata.normalize("NFC", text) if shows_something(text=text) else ""
