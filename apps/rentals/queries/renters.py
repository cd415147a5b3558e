"""Who rents: people with an account, whom accounts knows, and those without one, whom the manager wrote down at the desk."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext

from apps.accounts import facade as accounts
from apps.rentals import domain
from apps.rentals.models import Guest, Rental

_MOST_GUESTS, _MOST_GUESTS_SEARCHED = 1_000, 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownRenter:
    """Who a renter is, and how to reach them: the e-mail address of an account, or what the manager wrote down; "" for neither."""

    name: str
    contact: str


def find_guest(*, renter_id: UUID) -> Guest | None:
    """Return a renter without an account, or None for who has one, and where it was forgotten who they were."""
    return Guest.objects.filter(renter_id=renter_id).first() if domain.is_guest(renter_id=renter_id) else None


def list_guest_names(*, renter_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the names of those of these renters who have no account, by their ids; nothing is read where all have one.

    Of whom it was forgotten who they were, it is "guest".
    """
    guests = [renter_id for renter_id in renter_ids if domain.is_guest(renter_id=renter_id)]
    if not guests:
        return {}
    return dict.fromkeys(guests, gettext("guest")) | dict(Guest.objects.filter(renter_id__in=guests).values_list("renter_id", "name"))


def list_renters(*, renter_ids: Collection[UUID]) -> dict[UUID, KnownRenter]:
    """Return who these renters are, by their ids, as far as it is known; whoever shows a contact asks `domain.shows_contact` first."""
    people = accounts.list_reachable_people(user_ids=renter_ids)
    known = {person.id: KnownRenter(name=person.display_name, contact=person.email) for person in people}
    guests = [renter_id for renter_id in renter_ids if domain.is_guest(renter_id=renter_id)]
    if guests:
        known |= {renter_id: KnownRenter(name=gettext("guest"), contact="") for renter_id in guests}
        noted = Guest.objects.filter(renter_id__in=guests).values_list("renter_id", "name", "contact")
        known |= {renter_id: KnownRenter(name=name, contact=contact) for renter_id, name, contact in noted}
    return known


def list_renter_names(*, renter_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the names of these renters, with an account or without one, by their ids, as far as they are known."""
    names = {person.id: person.display_name for person in accounts.list_people(user_ids=renter_ids)}
    return names | list_guest_names(renter_ids=renter_ids)


def find_guests(*, words: Collection[str], manager_id: UUID | None) -> tuple[dict[str, frozenset[UUID]], bool]:
    """Return for each of these folded words the renters without an account whose name or contact holds it, and whether that is all of them.

    A manager's are those who rented of the manager; without a manager the newest 10,000 of all are searched. At most the newest 1,000 that
    hold one of the words are returned.
    """
    if not words:
        return {}, True
    guests = Guest.objects.order_by("-renter_id")  # made of the ids of their first rentals, so in the order of these
    among: Q = Q(renter_id__in=guests.values("renter_id")[:_MOST_GUESTS_SEARCHED])
    if manager_id is not None:
        among = Q(renter_id__in=Rental.objects.filter(manager_id=manager_id).order_by().values("renter_id"))
    holding = guests.filter(among, reduce(or_, (Q(search_text__contains=word) for word in words)))
    found = list(holding.values_list("renter_id", "search_text")[: _MOST_GUESTS + 1])
    is_all = len(found) <= _MOST_GUESTS and (manager_id is not None or not guests[_MOST_GUESTS_SEARCHED:].exists())
    return {word: frozenset(renter_id for renter_id, text in found[:_MOST_GUESTS] if word in (text or "")) for word in words}, is_all
