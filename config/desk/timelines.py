"""What the pages of the desk show of the status view: how a rental went, and who had an item. The lists and commands are their owners'."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.rentals.queries.renters import list_renter_names
from apps.status_view import domain, queries
from config.desk import labels
from gdmarket.admin import badge, format_instant, format_money, format_period, overdue_badge

_NEWEST = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """How a rental went, as the view knows it; `entries` are the facts, the oldest first."""

    turn: SafeString | str
    paid: str
    refunded: str
    cancelled_by: str
    entries: list[tuple[str, str, Any, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class PastRental:
    """A rental of an item, as one line."""

    id: UUID
    period: SafeString
    renter: str
    state: SafeString


def timeline_of(*, rental_id: UUID) -> Timeline | None:
    """Return how a rental went; None while the view has not heard of it."""
    rental = queries.find_rental(rental_id=rental_id)
    if rental is None:
        return None
    return Timeline(
        turn=_turn(rental),
        paid=format_money(rental["paid"], rental["currency"]),
        refunded=format_money(rental["refunded"], rental["currency"]) if rental["refunded"] else "",
        cancelled_by=str(labels.PARTIES.get(rental["cancelled_by"] or "", "")),
        entries=[labels.timeline_entry(entry) for entry in rental["timeline"]],
    )


def rentals_of(*, item_id: UUID) -> list[PastRental]:
    """Return an item's newest rentals."""
    rentals = queries.list_newest_rentals(item_id=item_id, limit=_NEWEST)
    names = list_renter_names(renter_ids={rental["renter_id"] for rental in rentals})
    return [
        PastRental(
            id=rental["id"],
            period=format_period(rental["starts_at"], rental["ends_at"]),
            renter=names.get(rental["renter_id"], str(rental["renter_id"])),
            state=state_badge(rental["state"], overdue=rental["overdue"]),
        )
        for rental in rentals
    ]


def state_badge(state: str, *, overdue: bool) -> SafeString:
    """Return the state of a rental as a coloured label; a newer version's state, which has none here, by its name."""
    return overdue_badge() if overdue and state == "rented" else badge(kind=state, label=labels.STATES.get(state, state))


def _turn(rental: queries.Row) -> SafeString | str:
    who, until = labels.NEXT_ACTORS[domain.next_actor(state=rental["state"])], domain.deadline(rental=rental)
    return format_html(str(_("{who}, until {until}")), who=who, until=format_instant(until)) if until else str(who)
