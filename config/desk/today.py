"""Today: what is to be done today, and how the last 30 days went."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timesince import timesince, timeuntil
from django.utils.timezone import get_current_timezone, localdate, localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.rentals import domain
from apps.rentals.queries import renters as renter_queries
from apps.rentals.queries import work_queues
from apps.rentals.queries.work_queues import WorkQueue
from apps.status_view import queries as status_view
from config.desk import chart
from config.desk.away import read_or_none
from gdmarket import clock, media
from gdmarket.admin import format_money, is_item_manager, is_operator

Row = Mapping[str, Any]

ROWS = 10
"""How many rows of a section are shown; the others are behind a link to the list."""

DAYS = 30
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """What one queue of work is called, what is said when it is empty, and which command is next for each of its rows."""

    queue: WorkQueue
    empty: Promise
    command: str = ""
    command_label: Promise | str = ""


SECTIONS = (
    Section(queue=WorkQueue.OVERDUE, empty=_("Nothing is overdue."), command="take-back", command_label=_("Take back")),
    Section(queue=WorkQueue.TO_HAND_OVER, empty=_("Nothing to hand over today."), command="hand-over", command_label=_("Hand over")),
    Section(queue=WorkQueue.DUE_BACK, empty=_("Nothing is due back."), command="take-back", command_label=_("Take back")),
    Section(queue=WorkQueue.UNPAID, empty=_("No request waits for payment.")),
    Section(queue=WorkQueue.SETTLING, empty=_("No payment is in doubt.")),
)


def context(request: HttpRequest) -> dict[str, Any]:
    """Return what the page shows to a person: a manager's own, or everybody's to an operator."""
    now = clock.now()
    manager_id = None if is_operator(request.user) else request.user.pk
    found = {
        section.queue: work_queues.list_work_queue(queue=section.queue, manager_id=manager_id, now=now, limit=ROWS + 1)
        for section in SECTIONS
    }
    renters = _renters({row["renter_id"] for rows in found.values() for row in rows})
    thumbnails = read_or_none(lambda: status_view.list_thumbnails(item_ids={row["item_id"] for rows in found.values() for row in rows}))
    sections = [_section(section, found[section.queue], renters, thumbnails or {}, now=now) for section in SECTIONS]
    figures = read_or_none(lambda: _figures(manager_id=manager_id, now=now)) if manager_id else None
    return {
        "day": date_format(localdate(now), gettext("l, F j")),
        "sections": [section for section in sections if section["rows"]],
        "quiet": [section["empty"] for section in sections if not section["rows"]],
        "figures": figures,
        "is_away": thumbnails is None or (manager_id is not None and figures is None),
        "is_new": figures is not None and not any(found.values()) and not figures["items"] and not figures["rentals"],
        "may_register": is_item_manager(request.user),
        "shows_people": is_operator(request.user),
    }


_PERSON = "admin:accounts_user_change"


def _renters(ids: Collection[UUID]) -> dict[UUID, dict[str, str]]:
    """Return the names and contacts of renters, with the address of their page where they have an account."""
    known = read_or_none(lambda: renter_queries.list_renters(renter_ids=ids)) or {}
    return {
        renter_id: {
            "name": renter.name,
            "contact": renter.contact,
            "address": "" if domain.is_guest(renter_id=renter_id) else reverse(_PERSON, args=[renter_id]),
        }
        for renter_id, renter in known.items()
    }


def _section(
    section: Section, rows: Sequence[Row], renters: Mapping[UUID, Mapping[str, str]], thumbnails: Mapping[UUID, str], *, now: datetime
) -> dict[str, Any]:
    address = reverse("admin:rentals_rental_changelist")
    return {
        "key": section.queue.value,
        "title": section.queue.label,
        "empty": section.empty,
        "rows": [
            _row(section, row, now=now) | {"renter": _renter(row, renters), "thumbnail": _url(thumbnails.get(row["item_id"]))}
            for row in rows[:ROWS]
        ],
        "has_more": len(rows) > ROWS,
        "address": f"{address}?{urlencode({'work_queue': section.queue.value})}",
    }


def _renter(rental: Row, renters: Mapping[UUID, Mapping[str, str]]) -> Mapping[str, str]:
    """Return who a row's renter is, with the contact where the rental is so far that the manager sees it."""
    renter = renters.get(rental["renter_id"], {"name": str(rental["renter_id"])})
    is_reached = domain.shows_contact(renter_id=rental["renter_id"], state=rental["state"])
    return renter if is_reached else {**renter, "contact": ""}


def _url(thumbnail: str | None) -> str:
    return media.url_of(thumbnail) if thumbnail else ""


def _row(section: Section, rental: Row, *, now: datetime) -> dict[str, Any]:
    at, said = _when(section.queue, rental, now=now)
    return {
        "item": rental["item_name"],
        "address": reverse("admin:rentals_rental_change", args=[rental["id"]]),
        "at": at,
        "moment": moment(at, now=now) if at else "",
        "said": said,
        "cancel_requested": rental["cancel_requested"],
        "command": reverse(f"admin:rentals_rental_{section.command}", args=[rental["id"]]) if section.command else "",
        "command_label": section.command_label,
    }


def _when(queue: WorkQueue, rental: Row, *, now: datetime) -> tuple[datetime | None, Promise | str]:
    """Return the instant by which a row is urgent, and what is to be said of it."""
    starts_at, ends_at, due_at = rental["starts_at"], rental["ends_at"], rental["payment_due_at"]
    match queue:
        case WorkQueue.OVERDUE:
            return ends_at, _("overdue for %(time)s") % {"time": timesince(ends_at, now, depth=1)}
        case WorkQueue.TO_HAND_OVER:
            if abs(starts_at - now) < MINUTE:
                return starts_at, _("now")
            since = _("waiting for %(time)s") % {"time": timesince(starts_at, now, depth=1)}
            return starts_at, since if starts_at <= now else _("in %(time)s") % {"time": timeuntil(starts_at, now, depth=1)}
        case WorkQueue.DUE_BACK:
            return ends_at, _("in %(time)s") % {"time": timeuntil(ends_at, now, depth=1)}
        case WorkQueue.UNPAID:
            left = _("%(time)s left") % {"time": timeuntil(due_at, now, depth=1)}
            return due_at, left if due_at > now else _("the time is over")
        case _:
            refunding = rental["state"] == "refunding"
            return None, _("the money is being given back") if refunding else _("the provider has not said whether it was paid")


def moment(at: datetime, *, now: datetime) -> str:
    """Return an instant near today as people say it: `Today 14:30`, `Tomorrow 09:00`, `5 Dec 18:00`."""
    local = localtime(at)
    days = (local.date() - localdate(now)).days
    said = {-1: _("Yesterday"), 0: _("Today"), 1: _("Tomorrow")}.get(days) or date_format(local, "MONTH_DAY_FORMAT")
    return f"{said} {local:%H:%M}"


def _figures(*, manager_id: UUID, now: datetime) -> dict[str, Any]:
    """Return the sums of a manager's last 30 days, today among them.

    Operators have none: everybody's would be summed anew for each view.
    """
    first = localdate(now) - (DAYS - 1) * DAY
    since = datetime.combine(first, datetime.min.time(), tzinfo=get_current_timezone())
    days = status_view.sum_days(manager_id=manager_id, since=since, until=now, zone=get_current_timezone())
    begun, income = Counter[date](), Counter[str]()
    for day in days:
        begun[day.on] += day.rentals
        income[day.currency] += day.income
    counts = [(first + number * DAY, begun[first + number * DAY]) for number in range(DAYS)]
    # What is paused may have been out before, or still be.
    items = status_view.count_items(manager_id=manager_id)
    lent_for = sum((day.lent_for for day in days), timedelta())
    return {
        "income": [format_money(amount, currency) for currency, amount in sorted(income.items())] or [format_money(0, "KRW")],
        "rentals": sum(count for _day, count in counts),
        "items": items,
        "utilisation": say_share(part=min(1.0, lent_for / (items * (now - since)))) if items else None,
        "chart": chart.bars(counts),
        "first": first,
    }


def say_share(*, part: float) -> Promise | str:
    """Return a part of one in whole percent, and never 0% of something."""
    percent = round(100 * part)
    return _("under 1%") if part and not percent else f"{percent}%"
