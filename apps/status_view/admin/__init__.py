"""What the pages of the desk show of the view: how a rental went, and who had an item. The lists and commands are their owners'."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.accounts import facade as accounts
from apps.status_view import domain, queries
from apps.status_view.admin import labels
from apps.status_view.services import owners
from gdmarket.admin import badge, format_instant, format_money, format_period

_NEWEST = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """A rental as the view tells it; `entries` are the facts of its timeline, the oldest first."""

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


def story_of(*, rental_id: UUID) -> Story | None:
    """Return how a rental went; None while the view has not heard of it."""
    rental = queries.find_rental(rental_id=rental_id)
    if rental is None:
        return None
    return Story(
        turn=_turn(rental),
        paid=format_money(rental["paid"], rental["currency"]),
        refunded=format_money(rental["refunded"], rental["currency"]) if rental["refunded"] else "",
        cancelled_by=str(labels.PARTIES.get(rental["cancelled_by"] or "", "")),
        entries=[labels.timeline_entry(entry) for entry in rental["timeline"]],
    )


def rentals_of(*, item_id: UUID) -> list[PastRental]:
    """Return an item's newest rentals."""
    rentals = queries.list_newest_rentals(item_id=item_id, limit=_NEWEST)
    names = names_of(rental["renter_id"] for rental in rentals)
    return [
        PastRental(
            id=rental["id"],
            period=format_period(rental["starts_at"], rental["ends_at"]),
            renter=names.get(rental["renter_id"], str(rental["renter_id"])),
            state=state_badge(rental["state"], overdue=rental["overdue"]),
        )
        for rental in rentals
    ]


def names_of(person_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the names of these people, with an account or without one, as far as they are known."""
    ids = set(person_ids)
    return {person.id: person.display_name for person in accounts.list_people(user_ids=ids)} | owners.list_guest_names(renter_ids=ids)


def state_badge(state: str, *, overdue: bool) -> SafeString:
    """Return the state of a rental as a coloured label."""
    return badge(kind="overdue", label=_("overdue")) if overdue and state == "rented" else badge(kind=state, label=labels.STATES[state])


def _turn(rental: queries.Row) -> SafeString | str:
    who, until = labels.NEXT_ACTORS[domain.next_actor(state=rental["state"])], domain.deadline(rental=rental)
    return format_html(str(_("{who}, until {until}")), who=who, until=format_instant(until)) if until else str(who)
