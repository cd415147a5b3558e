"""Reading rentals."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, DateTimeField, Exists, OuterRef, PositiveIntegerField, Q, QuerySet, UUIDField
from django.db.models.functions import Coalesce, Least

from apps.rentals import domain
from apps.rentals.contracts import RentalSnapshot
from apps.rentals.domain import RentalParty, RentalPaymentState, RentalState
from apps.rentals.errors import RentalNotFoundError
from apps.rentals.models import Block, Listing, ListingManager, ListingVersion, Rental
from gdmarket.contracts import build, names_of
from gdmarket.prepared import Param, Prepared
from gdmarket.prepared_rows import Either, PreparedRows, equal

# A rental as a mapping of the columns that the API shows: the most frequent reads build no model.
Row = Mapping[str, Any]
_SHOWN = ("id", *(name for name in names_of(RentalSnapshot) if name not in {"rental_id", "overdue", "occurred_at"}))

_RENTAL_ID, _ITEM_ID, _RENTER_ID = (Param(name, UUIDField()) for name in ("rental_id", "item_id", "renter_id"))
_NOW, _A_DAY_AGO = (Param(name, DateTimeField()) for name in ("now", "a_day_ago"))
_RENTAL = Prepared(Rental.objects.filter(id=_RENTAL_ID))
_SHOWN_RENTAL: Prepared[Row] = Prepared(Rental.objects.filter(id=_RENTAL_ID).values(*_SHOWN))
_NEWEST = ListingVersion.objects.filter(item_id=_ITEM_ID).order_by("-version").values("version")[:1]
_AGREED_AND_NEWEST = Prepared(
    ListingVersion.objects.filter(Q(version=Param("version", PositiveIntegerField())) | Q(version=_NEWEST), item_id=_ITEM_ID)
)
_EXISTING_OR_OVERDUE = Prepared(
    Rental.objects.filter(Q(id=_RENTAL_ID) | Q(item_id=_ITEM_ID, state=RentalState.RENTED, ends_at__lte=_NOW)).order_by("id")
)

_BY_RENTER = Q(cancelled_by__in=["", RentalParty.RENTER])
_UNPAID = (
    Q(state=RentalState.REQUESTED, payment_due_at__gt=_NOW)
    | Q(state=RentalState.PAYING)
    | Q(state=RentalState.REFUNDING, cancel_requested=False)
)
_ABANDONED = Q(item_id=_ITEM_ID, requested_at__gt=_A_DAY_AGO) & (Q(state=RentalState.EXPIRED) | Q(_BY_RENTER, state=RentalState.CANCELLED))
_COMPETING = Prepared(Rental.objects.filter(_UNPAID | _ABANDONED, renter_id=_RENTER_ID).order_by("id"))

_OPEN_UNPAID = Q(closed_at=None, state__in=[RentalState.REQUESTED, RentalState.PAYING, RentalState.REFUNDING])
_CAME_TO_NOTHING = _OPEN_UNPAID | Q(closed_at__gt=_A_DAY_AGO, state__in=domain.ABANDONED)
_WHILE_PAID = Q(cancelled_by=RentalParty.RENTER, payment_state__in=[RentalPaymentState.APPROVED, RentalPaymentState.REFUNDED])
# What a manager booked at the desk costs nothing at the provider, and its renter may not have asked for it.
_ASKED_FOR = Q(in_cash=None) | Q(in_cash=False)
_CANCELLED_PAYMENTS = Prepared(
    Rental.objects.filter(
        _CAME_TO_NOTHING, Q(cancelled_payments__gt=0) | _WHILE_PAID, _BY_RENTER, _ASKED_FOR, renter_id=_RENTER_ID
    ).values_list("closed_at", flat=True)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenRentals:
    """The number of rentals in one open state, and how many of them are past their deadline."""

    state: str
    count: int
    late: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """What a rental agreed to; None where it is older than such records. `current`: the item where it differs now, in `changed`."""

    agreed: ListingVersion | None
    current: ListingVersion | None
    changed: list[str]


def get_rental(*, rental_id: UUID) -> Rental:
    """Return a rental.

    :raises RentalNotFoundError: if there is none
    """
    rental = _RENTAL.first(rental_id=rental_id)
    if rental is None:
        raise RentalNotFoundError
    return rental


def get_rental_of(*, rental_id: UUID, person_id: UUID) -> Row:
    """Return a rental of which `person_id` is the renter or the manager.

    :raises RentalNotFoundError: if there is none, or it is another person's
    """
    rental = _SHOWN_RENTAL.first(rental_id=rental_id)
    if rental is None or person_id not in {rental["renter_id"], rental["manager_id"]}:
        raise RentalNotFoundError
    return rental


def is_manager_suspended() -> Exists:
    """Return the column that says of a listing or rental whether its manager is suspended."""
    return Exists(ListingManager.objects.filter(manager_id=OuterRef("manager_id"), is_suspended=True))


def is_suspended(*, manager_id: UUID) -> bool:
    """Return whether a manager is suspended."""
    return ListingManager.objects.filter(manager_id=manager_id, is_suspended=True).exists()


def list_rentals(*, after: UUID | None = None, rental_ids: Collection[UUID] | None = None) -> QuerySet[Rental]:
    """List all rentals, ended ones included, with ids after `after`, ordered by id; only `rental_ids` where given."""
    rentals = Rental.objects.order_by("id")
    rentals = rentals if rental_ids is None else rentals.filter(id__in=rental_ids)
    return rentals if after is None else rentals.filter(id__gt=after)


def list_ids_about(*, thing_id: UUID, limit: int) -> list[UUID]:
    """Return up to `limit` ids, the newest rentals first: of the rental with this id, or of an item's, a renter's and a manager's.

    Each is asked for by itself, and found by its own index.
    """
    found: dict[UUID, datetime] = {}
    for column in ("id", "item_id", "renter_id", "manager_id"):
        newest = Rental.objects.filter(**{column: thing_id}).order_by("-requested_at", "-id")
        found.update(newest.values_list("id", "requested_at")[:limit])
    return sorted(found, key=lambda rental_id: (found[rental_id], rental_id), reverse=True)[:limit]


def list_started_unfetched(*, after: UUID | None = None) -> QuerySet[Rental]:
    """List the paid rentals whose period has begun and whose item was not handed over, with ids after `after`, ordered by id."""
    return list_rentals(after=after).filter(state=domain.RentalState.PAID, began_at__isnull=False)


def list_holding(*, item_ids: Collection[UUID]) -> QuerySet[Rental]:
    """List the rentals that hold one of these items: all that have not ended."""
    return list_rentals().filter(item_id__in=item_ids, state__in=domain.HOLDING, closed_at=None)


def count_open(*, now: datetime) -> list[OpenRentals]:
    """Count the rentals that have not ended, by state, zeros included.

    Late: not paid or settled by the end of the hold, or not returned, or not recorded as a no-show, by the end of the period.
    """
    unpaid = Q(state__in=[domain.RentalState.REQUESTED, domain.RentalState.PAYING], payment_due_at__lte=now)
    late = Count("id", filter=unpaid | Q(state__in=[domain.RentalState.PAID, domain.RentalState.RENTED], ends_at__lte=now))
    rows = Rental.objects.filter(state__in=domain.HOLDING).values_list("state").annotate(count=Count("id"), late=late)
    found = {state: (count, late) for state, count, late in rows}
    return [OpenRentals(state=state, count=found.get(state, (0, 0))[0], late=found.get(state, (0, 0))[1]) for state in domain.HOLDING]


def snapshot(*, rental: Rental, now: datetime) -> RentalSnapshot:
    """Return the snapshot of a rental, `overdue` as of `now`; `occurred_at` is the latest of its instants."""
    reached = (rental.requested_at, rental.paid_at, rental.began_at, rental.handed_over_at, rental.ended_at, rental.closed_at)
    latest = max(filter(None, (*reached, rental.item_changed_at)))
    overdue = domain.is_overdue(state=rental.state, ends_at=rental.ends_at, now=now)
    return build(RentalSnapshot, rental, rental_id=rental.id, overdue=overdue, occurred_at=latest)


def list_rentals_of(*, person_id: UUID, role: str | None = None, **columns: object) -> PreparedRows[Row]:
    """Return the rentals with these values of which `person_id` is the `renter`, the `manager`, or either where no role is given."""
    return PreparedRows(_rentals_of, role, *columns, person_id=person_id, **columns)


def _rentals_of(role: str | None, *names: str) -> QuerySet[Rental, Row] | Either[Row]:
    person = Param("person_id", UUIDField())
    mine = {"renter": Q(renter_id=person), "manager": Q(manager_id=person)}
    rentals: QuerySet[Rental, Row] = Rental.objects.filter(**equal(Rental, names)).values(*_SHOWN)
    return rentals.filter(mine[role]) if role else Either(rows=rentals, conditions=tuple(mine.values()))


def list_periods_taken(*, item_id: UUID, after: datetime) -> list[tuple[datetime, datetime]]:
    """Return the half-open periods in which an item is held and that end after `after`, sorted by start.

    A rental holds the item for its period, and from the handover if that was earlier; and managers block periods.
    """
    held = Rental.objects.filter(item_id=item_id, state__in=domain.EXCLUSIVE_STATES, ends_at__gt=after)
    periods = held.annotate(held_from=Least("starts_at", Coalesce("handed_over_at", "starts_at")))
    blocked = Block.objects.filter(item_id=item_id, ends_at__gt=after).values_list("starts_at", "ends_at")
    return sorted([*periods.values_list("held_from", "ends_at"), *blocked])


def list_clashing(*, rental: Rental) -> list[Rental]:
    """Return the rentals that hold the item in a part of this one's period, from the handover where that was earlier."""
    held = Rental.objects.filter(item_id=rental.item_id, state__in=domain.HOLDING, ends_at__gt=rental.starts_at).exclude(id=rental.id)
    begun = Q(starts_at__lt=rental.ends_at) | Q(handed_over_at__lt=rental.ends_at)
    return list(held.filter(begun).order_by("starts_at", "id"))


def find_holding_within(*, item_id: UUID, starts_at: datetime, ends_at: datetime, now: datetime) -> Rental | None:
    """Return the first rental that holds an item in a part of a period, or None: in its own, from the handover, and overdue until now."""
    held = Rental.objects.filter(Q(starts_at__lt=ends_at) | Q(handed_over_at__lt=ends_at), item_id=item_id, state__in=domain.HOLDING)
    lasting = Q(ends_at__gt=starts_at) if starts_at > now else Q(ends_at__gt=starts_at) | Q(state=RentalState.RENTED)
    return held.filter(lasting, closed_at=None).order_by("starts_at", "id").first()


def find_given_since(*, rental: Rental, since: datetime, now: datetime) -> Rental | None:
    """Return a rental that holds the item in a part of this one's period, or was given the time from its end until now `since`, or None."""
    held_from = min(rental.starts_at, rental.handed_over_at or rental.starts_at)
    others = Rental.objects.filter(item_id=rental.item_id, state__in=domain.EXCLUSIVE_STATES).exclude(id=rental.id)
    overlapping = Q(starts_at__lt=rental.ends_at) | Q(handed_over_at__lt=rental.ends_at)
    newer = Q(requested_at__gte=since, starts_at__lte=now, ends_at__gt=rental.ends_at)
    return others.filter((overlapping & Q(ends_at__gt=held_from)) | newer | Q(state=domain.RentalState.RENTED)).order_by("id").first()


def find_existing_or_overdue(*, rental_id: UUID, item_id: UUID, now: datetime) -> tuple[Rental | None, Rental | None]:
    """Return a rental, and the one by which the item is rented out although its period is over; None for each where there is none."""
    found = _EXISTING_OR_OVERDUE.all(rental_id=rental_id, item_id=item_id, now=now)
    overdue = (
        rental for rental in found if rental.item_id == item_id and domain.is_overdue(state=rental.state, ends_at=rental.ends_at, now=now)
    )
    return next((rental for rental in found if rental.id == rental_id), None), next(overdue, None)


def list_competing_holds(*, renter_id: UUID, item_id: UUID, but: UUID, now: datetime) -> list[Rental]:
    """Return a renter's other rentals that hold a period unpaid, and those of this item that came to nothing and are a day old at most.

    A payment that is being cancelled leaves an unpaid hold. Of a hold that is over only its timer is late, and what was
    cancelled by others than the renter was not given up: neither is counted.
    """
    others = _COMPETING.all(renter_id=renter_id, item_id=item_id, now=now, a_day_ago=now - domain.DAY)
    return [other for other in others if other.id != but]


def list_cancelled_payments(*, renter_id: UUID, now: datetime) -> list[datetime]:
    """Return, in order, when a renter's rentals were over, within a day, of which this renter cancelled the payment; now, if not yet.

    What is paid again is not among them, nor what is in cash, nor what the manager, an operator or the market cancelled.
    """
    return sorted(at or now for at in _CANCELLED_PAYMENTS.all(renter_id=renter_id, a_day_ago=now - domain.DAY))


def find_rental(*, rental_id: UUID) -> Rental | None:
    """Return a rental, or None where there is none."""
    return _RENTAL.first(rental_id=rental_id)


def find_manager(*, item_id: UUID) -> UUID | None:
    """Return the id of the manager of an item, or None where rentals has no listing of it."""
    return Listing.objects.filter(item_id=item_id).values_list("manager_id", flat=True).first()


def find_version(*, item_id: UUID, version: int) -> ListingVersion | None:
    """Return what an item was at one of its versions, or None where that is not known."""
    return ListingVersion.objects.filter(item_id=item_id, version=version).first()


def find_newest_version(*, item_id: UUID) -> ListingVersion | None:
    """Return what an item is, or None where that is not known."""
    return ListingVersion.objects.filter(item_id=item_id).order_by("-version").first()


def list_agreed_versions(*, item_id: UUID) -> dict[int | None, ListingVersion]:
    """Return the versions of an item that open rentals agreed to, by their numbers."""
    agreed = list_holding(item_ids=[item_id]).order_by().values("item_version")
    return {version.version: version for version in ListingVersion.objects.filter(item_id=item_id, version__in=agreed)}


def is_agreed(*, version: ListingVersion) -> bool:
    """Return whether a rental, open or ended, agreed to this version of an item."""
    return Rental.objects.filter(item_id=version.item_id, item_version=version.version).exists()


def list_items_without_version(*, after: UUID | None = None) -> QuerySet[Listing, UUID]:
    """List the ids of the listings, in order after `after`, of which it is not known what the item is at its version."""
    known = ListingVersion.objects.filter(item_id=OuterRef("item_id"), version=OuterRef("version"))
    listings = Listing.objects.filter(~Exists(known), withdrawn=False).order_by("item_id")
    return (listings if after is None else listings.filter(item_id__gt=after)).values_list("item_id", flat=True)


def get_agreement(*, rental: Row) -> Agreement:
    """Return what a rental agreed to, and for an open one what the item has become since."""
    if rental["item_version"] is None:
        return Agreement(agreed=None, current=None, changed=[])
    versions = _AGREED_AND_NEWEST.all(item_id=rental["item_id"], version=rental["item_version"])
    by_number = {version.version: version for version in versions}
    agreed, current = by_number.get(rental["item_version"]), by_number[max(by_number)] if by_number else None
    if agreed is None or current is None or rental["state"] not in domain.HOLDING:
        return Agreement(agreed=agreed, current=None, changed=[])
    changed = domain.changed_terms(agreed=agreed, current=current)
    return Agreement(agreed=agreed, current=current if changed else None, changed=changed)


def find_rental_out(*, item_id: UUID) -> Rental | None:
    """Return the rental by which the item is rented out, or None."""
    return Rental.objects.filter(item_id=item_id, state=domain.RentalState.RENTED).first()


def list_items_out(*, item_ids: Collection[UUID]) -> frozenset[UUID]:
    """Return those of these items that are rented out."""
    return frozenset(Rental.objects.filter(item_id__in=item_ids, state=domain.RentalState.RENTED).values_list("item_id", flat=True))


def find_reserved_before(*, rental: Rental, now: datetime) -> Rental | None:
    """Return the first other rental that holds the item now, or before the rental's own period begins; None where none does."""
    others = Rental.objects.filter(item_id=rental.item_id, state__in=domain.HOLDING, ends_at__gt=now).exclude(id=rental.id)
    return others.filter(Q(starts_at__lte=now) | Q(starts_at__lt=rental.starts_at)).order_by("starts_at", "id").first()
