"""A command on several rentals: a page that lists what will change and what is skipped and why, then what came of each."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.rentals import queries
from apps.rentals.admin.commands import CANCEL, HAND_OVER, TAKE_BACK, DeskCommand, carry_out, is_begun, is_early, obstacle, said_of
from apps.rentals.admin.confirming import money_back, sum_going_back
from apps.rentals.models import Rental
from apps.rentals.queries import renters
from apps.rentals.services import money
from gdmarket import clock
from gdmarket.admin import ManagerOwnedAdmin, format_money, format_period, say_instant
from gdmarket.errors import DomainError

MOST_AT_ONCE = 100
_MOST_NAMED = 10
_CONFIRMED = "confirmed"
_TITLES = {
    HAND_OVER: _("Hand over the chosen items"),
    TAKE_BACK: _("Take the chosen items back"),
    CANCEL: _("Cancel the chosen rentals"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ChosenRental:
    """A rental of the page; `skipped` is why the command leaves it as it is, "" where it does not; `goes_back` is None where not known."""

    rental: Rental
    renter: str
    period: SafeString
    skipped: Promise | str
    money_back: Promise | str
    goes_back: int | None


def command_chosen(screen: ManagerOwnedAdmin, request: HttpRequest, chosen: QuerySet[Rental], command: DeskCommand) -> HttpResponse | None:
    """Show what a command would do with each of the chosen rentals; once that is confirmed, do it, and say what came of it."""
    rentals = list(chosen.order_by("starts_at", "pk")[: MOST_AT_ONCE + 1])
    if len(rentals) > MOST_AT_ONCE:
        screen.message_user(request, _("Choose at most %(most)d rentals at a time.") % {"most": MOST_AT_ONCE}, messages.ERROR)
        return None
    now = clock.now()
    rows = _rows(rentals, command, now=now)
    is_confirmed = _CONFIRMED in request.POST
    form = command.form(request.POST if is_confirmed else None)
    needs_reason = command is CANCEL and any(row.rental.ends_at <= now and not row.skipped for row in rows)
    if "reason" in form.fields and needs_reason:
        form.fields["reason"].required = True
    if is_confirmed and form.is_valid():
        _carry_out_each(screen, request, rows, command, form.cleaned_data)
        return None
    return _ask(screen, request, rows, command, form)


def _rows(rentals: Sequence[Rental], command: DeskCommand, *, now: datetime) -> list[ChosenRental]:
    names = renters.list_renter_names(renter_ids={rental.renter_id for rental in rentals})
    taken = money.list_taken(rentals=rentals) if command is CANCEL else {}
    out = queries.list_items_out(item_ids={rental.item_id for rental in rentals}) if command is HAND_OVER else frozenset()
    rows = []
    for rental in rentals:
        paid = taken.get(rental.pk)
        rows.append(
            ChosenRental(
                rental=rental,
                renter=names.get(rental.renter_id, str(rental.renter_id)),
                period=format_period(rental.starts_at, rental.ends_at),
                skipped=_skipped(rental, command, is_out=rental.item_id in out, now=now),
                money_back=money_back(rental, paid) if command is CANCEL else "",
                goes_back=sum_going_back(rental, paid),
            )
        )
    return rows


def _skipped(rental: Rental, command: DeskCommand, *, is_out: bool, now: datetime) -> Promise | str:
    if stops := obstacle(rental, command, now=now):
        return stops
    if is_early(rental, command, now=now):
        begins = {"instant": say_instant(rental.starts_at)}
        return _("it is not its day: the period begins on %(instant)s. Its own page hands it over earlier") % begins
    return _("the item is still with another renter") if is_out else ""


def _ask(
    screen: ManagerOwnedAdmin, request: HttpRequest, rows: Sequence[ChosenRental], command: DeskCommand, form: forms.Form
) -> HttpResponse:
    todo = [row for row in rows if not row.skipped]
    sums = [row.goes_back for row in todo if row.goes_back is not None]
    if "reason" in form.fields:
        is_required = form.fields["reason"].required
        form.fields["reason"].help_text = (
            _("Required, as a period is over. The renters and the manager read it.")
            if is_required
            else _("Optional. The renters and the manager read it.")
        )
    asked = {
        "title": _TITLES[command],
        "submit": command.submit,
        "todo": todo,
        "skipped": [row for row in rows if row.skipped],
        "goes_back": format_money(sum(sums), "KRW") if command is CANCEL and len(sums) == len(todo) else "",
        "form": form,
        "action": request.POST.get("action", ""),
        "checkbox": ACTION_CHECKBOX_NAME,
    }
    context = {**screen.admin_site.each_context(request), "opts": screen.opts, **asked}
    return TemplateResponse(request, "admin/rentals/rental/bulk.html", context)


def _carry_out_each(
    screen: ManagerOwnedAdmin, request: HttpRequest, rows: Sequence[ChosenRental], command: DeskCommand, particulars: dict[str, Any]
) -> None:
    left: dict[str, list[str]] = defaultdict(list)
    done = begun = cash = 0
    for row in rows:
        if why := row.skipped or _differs(request, row.rental, command):
            left[str(why)].append(str(row.rental))
            continue
        try:
            changed = carry_out(screen, request, row.rental, command, **particulars)
        except DomainError as refused:
            left[said_of(refused, row.rental, command, now=clock.now())].append(str(row.rental))
        else:
            done += not is_begun(changed, command)
            begun += is_begun(changed, command)
            cash += (row.goes_back or 0) if row.rental.in_cash and command is CANCEL else 0
    if done:
        screen.message_user(request, _done(command, done), messages.SUCCESS)
    if begun:
        text = ngettext(
            "%(count)d rental is cancelled as soon as the payment provider has answered.",
            "%(count)d rentals are cancelled as soon as the payment provider has answered.",
            begun,
        ) % {"count": begun}
        screen.message_user(request, text, messages.SUCCESS)
    if cash:
        text = _("In cash, %(money)s goes back: hand it to the renters at the desk.") % {"money": format_money(cash, "KRW")}
        screen.message_user(request, text, messages.WARNING)
    for why, names in left.items():
        text = _("Left as they are, because %(why)s: %(names)s") % {"why": why, "names": _named(names)}
        screen.message_user(request, text, messages.WARNING)


def _done(command: DeskCommand, count: int) -> str:
    if command is CANCEL:
        return ngettext("%(count)d rental is cancelled.", "%(count)d rentals are cancelled.", count) % {"count": count}
    if command is HAND_OVER:
        return ngettext("%(count)d rental is handed over.", "%(count)d rentals are handed over.", count) % {"count": count}
    return ngettext("%(count)d rental is back.", "%(count)d rentals are back.", count) % {"count": count}


def _differs(request: HttpRequest, rental: Rental, command: DeskCommand) -> Promise | str:
    """Return why a rental is not what the page said; it is read again, as those before it may have taken long."""
    if command is not CANCEL:
        return ""
    rental.refresh_from_db()
    now_back = sum_going_back(rental, money.list_taken(rentals=[rental]).get(rental.pk))
    return "" if request.POST.get(f"goes_back_{rental.pk}") == str(now_back) else _("another sum goes back by now")


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    if (others := len(names) - _MOST_NAMED) <= 0:
        return shown
    return ngettext("%(shown)s and %(count)d other", "%(shown)s and %(count)d others", others) % {"shown": shown, "count": others}
