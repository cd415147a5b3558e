"""The board: items by days, with what keeps each of them, and the days on which it can be booked at the desk."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin, messages
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import get_current_timezone, localdate, localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from apps.accounts import facade as accounts
from apps.items.domain import ItemState
from apps.items.queries import board as items
from apps.items.queries import categories, places
from apps.items.queries.board import Narrowing
from apps.rentals import domain
from apps.rentals.queries import blocks, renters
from apps.rentals.queries import board as rentals
from config.desk.away import read_or_none
from config.desk.board_grid import DAY, PARTS, Bar, BoardDay, BoardWindow, lay_out
from config.desk.labels import STATES
from gdmarket import clock, media
from gdmarket.admin import is_item_manager, is_operator
from gdmarket.errors import InvalidError
from gdmarket.ids import read_id
from gdmarket.text import MAX_SEARCH

ROWS = 50
"""How many items a page has."""
MOST_RENTALS = 3_000
"""How many rentals, and how many blocks, a page draws; where there are more, it says so, and offers no day to book."""
WEEKS = (2, 4, 8)
_LISTED = ItemState.LISTED
_YEARS = range(2000, 2100)
_MOST_PLACES = 100
_KINDS = {"requested": "held", "paying": "held", "refunding": "held"}
_NARROWINGS = {Narrowing.FREE: _("free all the time"), Narrowing.OVERDUE: _("overdue")}


@dataclass(frozen=True, kw_only=True, slots=True)
class BoardQuery:
    """What the address of the board asks for. What it says and makes no sense is as if it were not there."""

    first: date
    weeks: int
    q: str
    category: str
    manager: str
    place_id: UUID | None
    narrowing: Narrowing | None
    after: UUID | None
    before: UUID | None

    @property
    def is_narrowed(self) -> bool:
        """Whether some items are left out."""
        return bool(self.q or self.category or self.manager or self.place_id or self.narrowing)


def read_query(request: HttpRequest, *, today: date) -> BoardQuery:
    """Return what a request asks for; by default two weeks from yesterday on, so that today is seen first on a phone, too."""
    said = request.GET
    first, narrowing = today - DAY, None
    with suppress(ValueError):
        typed = date.fromisoformat(said.get("from", ""))
        first = typed if typed.year in _YEARS else first
    with suppress(ValueError):
        narrowing = Narrowing(said.get("show", ""))
    return BoardQuery(
        first=first,
        weeks=next((weeks for weeks in WEEKS if said.get("weeks") == str(weeks)), WEEKS[0]),
        q=said.get("q", "").strip()[:MAX_SEARCH],
        category=said.get("category", "")[:MAX_SEARCH],
        manager=said.get("manager", "").strip()[:MAX_SEARCH] if is_operator(request.user) else "",
        place_id=read_id(said.get("place", "")),
        narrowing=narrowing,
        after=read_id(said.get("after", "")),
        before=read_id(said.get("before", "")),
    )


@require_safe
def show(request: HttpRequest) -> TemplateResponse:
    """Show the board to a manager, of their own items, or to an operator, of everybody's."""
    now = clock.now()
    asked = read_query(request, today=localdate(now))
    window = _window(asked, today=localdate(now))
    manager_ids = _managers(request, asked)
    listed = items.list_board_items(
        manager_ids=manager_ids,
        q=asked.q,
        category=asked.category,
        place_id=asked.place_id,
        narrowing=asked.narrowing,
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        now=now,
    )
    page, has_before, has_after = items.page(items=listed, after=asked.after, before=asked.before, limit=ROWS)
    bars, is_cut = list_bars(item_ids=[item.id for item in page], window=window, now=now)
    shown = {
        "title": _("Board"),
        "asked": asked,
        "days": window.days,
        "months": _months(window),
        "rows": _rows(request, page, bars, window, is_cut=is_cut),
        "is_cut": is_cut,
        "is_new": not page and not asked.is_narrowed,
        "may_register": is_item_manager(request.user),
        "previous_page": _address(request, before=page[0].id, after="") if page and has_before else "",
        "next_page": _address(request, after=page[-1].id, before="") if page and has_after else "",
        **_choices(request, asked, manager_ids),
    }
    return TemplateResponse(request, "desk/board.html", {**admin.site.each_context(request), **shown})


def list_bars(*, item_ids: Collection[UUID], window: BoardWindow, now: datetime) -> tuple[dict[UUID, list[Bar]], bool]:
    """Return what keeps these items in the window, and whether there is more than is returned."""
    found = rentals.list_rentals_between(item_ids=item_ids, starts_at=window.starts_at, ends_at=window.ends_at, limit=MOST_RENTALS + 1)
    names = read_or_none(lambda: renters.list_renter_names(renter_ids={row["renter_id"] for row in found})) or {}
    bars: dict[UUID, list[Bar]] = {item_id: [] for item_id in item_ids}
    for row in found[:MOST_RENTALS]:
        bars[row["item_id"]].append(_rental_bar(row, renter=names.get(row["renter_id"], "?"), now=now))
    blocked = list(blocks.list_blocks(item_ids=item_ids, since=window.starts_at, until=window.ends_at)[: MOST_RENTALS + 1])
    for block in blocked[:MOST_RENTALS]:
        bars[block.item_id].append(_block_bar(block))
    return bars, len(found) > MOST_RENTALS or len(blocked) > MOST_RENTALS


def _rental_bar(rental: Mapping[str, Any], *, renter: str, now: datetime) -> Bar:
    """Draw a rental for as long as the item was, is, or will be kept; say the period that was booked."""
    starts_at, ends_at, state = rental["starts_at"], rental["ends_at"], rental["state"]
    is_overdue = domain.is_overdue(state=state, ends_at=ends_at, now=now)
    until = rental["returned_at"] if state == domain.RentalState.RETURNED else None
    said = _("overdue") if is_overdue else STATES.get(state, state)
    return Bar(
        kind="overdue" if is_overdue else _KINDS.get(state, state),
        starts_at=min(starts_at, rental["handed_over_at"] or starts_at),
        ends_at=now if is_overdue else until or ends_at,
        label=renter,
        more=f", {said}, {_moment(starts_at)} – {_moment(ends_at)}",
        address=reverse("admin:rentals_rental_change", args=[rental["id"]]),
    )


def _block_bar(block: Any) -> Bar:
    return Bar(
        kind="blocked",
        starts_at=block.starts_at,
        ends_at=block.ends_at,
        label=block.reason or _("blocked"),
        more=f", {_('blocked')}, {_moment(block.starts_at)} – {_moment(block.ends_at)}",
        address=reverse("admin:rentals_block_delete", args=[block.pk]),
    )


def _moment(at: datetime) -> str:
    local = localtime(at)
    return f"{date_format(local, 'MONTH_DAY_FORMAT')} {local:%H:%M}"


def _rows(
    request: HttpRequest, page: Sequence[Any], bars: Mapping[UUID, Sequence[Bar]], window: BoardWindow, *, is_cut: bool
) -> list[dict[str, Any]]:
    managers = _names({item.manager_id for item in page}) if is_operator(request.user) else {}
    walk_in = reverse("admin:rentals_rental_walk-in")
    rows = []
    for item in page:
        is_overdue = any(bar.kind == "overdue" for bar in bars[item.id])
        # An item that should be back, or is paused, is given to nobody, and only its manager takes cash for it.
        is_bookable = item.manager_id == request.user.pk and item.state == _LISTED and not is_overdue and not is_cut
        rows.append(
            {
                "item": item,
                "thumbnail": media.url_of(item.thumbnail) if item.thumbnail else "",
                "is_paused": item.state != _LISTED,
                "manager": managers.get(item.manager_id, ""),
                "manager_address": _address(request, manager=item.manager_id, after="", before=""),
                "book": f"{walk_in}?{urlencode({'item': item.id})}" if is_bookable else "",
                "block": f"{reverse('admin:rentals_block_add')}?{urlencode({'item': item.id})}",
                "laid_out": lay_out(bars=bars[item.id], window=window, is_bookable=is_bookable),
            }
        )
    return rows


def _managers(request: HttpRequest, asked: BoardQuery) -> list[UUID] | None:
    """Return whose items are shown; None is everybody's."""
    person: Any = request.user
    if not is_operator(person):
        return [person.pk]
    if not asked.manager:
        return None
    if manager_id := read_id(asked.manager):
        return [manager_id]
    try:
        found = accounts.find_people(words=asked.manager, by_address=True)
    except InvalidError as too_many:
        messages.warning(request, too_many.message)
        return []
    return list(frozenset.intersection(*found.values())) if found else []


def _window(asked: BoardQuery, *, today: date) -> BoardWindow:
    days = [asked.first + number * DAY for number in range(7 * asked.weeks)]
    return BoardWindow(days=[_day(on, today=today) for on in days], zone=get_current_timezone())


def _day(on: date, *, today: date) -> BoardDay:
    booking = gettext("Book: %(day)s") % {"day": date_format(on, "MONTH_DAY_FORMAT")}
    weekday = date_format(on, "D").removesuffix("요일")  # Korean has no shorter one in Django
    return BoardDay(on=on, weekday=weekday, text=on.isoformat(), booking=booking, is_past=on < today, is_today=on == today)


def _months(window: BoardWindow) -> list[dict[str, Any]]:
    """Return the months of the days, each with how many columns it has here."""
    months: list[dict[str, Any]] = []
    for day in window.days:
        if not months or months[-1]["first"].month != day.on.month:
            months.append({"first": day.on, "columns": 0})
        months[-1]["columns"] += PARTS
    return months


def _choices(request: HttpRequest, asked: BoardQuery, manager_ids: Sequence[UUID] | None) -> dict[str, Any]:
    """Return where the links and filters of the page lead."""
    step = 7 * asked.weeks * DAY
    chosen_id = read_id(asked.manager)
    is_one = manager_ids is not None and len(manager_ids) == 1
    return {
        "earlier": _address(request, **{"from": asked.first - step}),
        "later": _address(request, **{"from": asked.first + step}),
        "now": _address(request, **{"from": ""}),
        "lengths": [(weeks, _address(request, weeks=weeks)) for weeks in WEEKS],
        "clear": _address(request, q="", category="", manager="", place="", show="", after="", before=""),
        "categories": categories.list_categories(),
        "places": list(places.list_places(manager_id=manager_ids[0])[:_MOST_PLACES]) if is_one and manager_ids else [],
        "narrowings": [(narrowing.value, label) for narrowing, label in _NARROWINGS.items()],
        "shows_managers": is_operator(request.user),
        "chosen_manager": _names([chosen_id]).get(chosen_id, asked.manager) if chosen_id else asked.manager,
    }


def _names(user_ids: Collection[UUID]) -> dict[UUID, str]:
    return {person.id: person.display_name for person in accounts.list_people(user_ids=user_ids)}


def _address(request: HttpRequest, **changed: object) -> str:
    """Return this page's address with these parameters instead, without those that are empty."""
    said = {name: value for name, value in request.GET.items() if value} | changed
    return f"{request.path}?{urlencode({name: value for name, value in said.items() if value})}"
