"""What other contexts may ask of rentals: snapshots, to compare or rebuild a copy with; and to fill in what it does not know."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from apps.items.contracts import ItemDetails
from apps.rentals import queries
from apps.rentals.contracts import RentalSnapshot
from apps.rentals.services import lending, listings


def count_rentals() -> int:
    """Return how many rentals there are, those that have ended among them."""
    return queries.list_rentals().count()


def list_ids_about(*, thing_id: UUID, limit: int) -> list[UUID]:
    """Return up to `limit` ids, the newest rentals first: of the rental with this id, or of an item's, a renter's and a manager's."""
    return queries.list_ids_about(thing_id=thing_id, limit=limit)


def streams_of(*, rental_ids: Collection[UUID]) -> list[str]:
    """Return the streams of the events about these rentals, their timers' among them."""
    return [f"{kind}:{rental_id}" for rental_id in rental_ids for kind in ("rental", "rental-timer", "rental-period")]


# -- For the upgrade from 0.1.0 alone, with `config.catching_up`: the version after the next may drop these five -------------------------


def list_items_without_version(*, after: UUID | None = None, limit: int = 500) -> list[UUID]:
    """Return up to `limit` ids, in order after `after`, of items of which rentals does not know what they are at their version."""
    return list(queries.list_items_without_version(after=after)[:limit])


def backfill_listing_version(*, item: ItemDetails) -> None:
    """Let rentals know what an item is, for what is agreed from now on."""
    listings.backfill_listing_version(item=item)


def list_started_unfetched(*, after: UUID | None = None, limit: int = 500) -> list[UUID]:
    """Return up to `limit` ids, in order after `after`, of paid rentals whose period has begun and whose item was not handed over."""
    return list(queries.list_started_unfetched(after=after).values_list("id", flat=True)[:limit])


def schedule_period_ends(*, rental_ids: Collection[UUID], now: datetime) -> int:
    """Schedule the end of these rentals' periods where it is not; return how many there were."""
    return sum(lending.schedule_period_end(rental_id=rental_id, now=now) for rental_id in rental_ids)


def list_item_ids(*, rental_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Return for each of these rentals what it is of; unknown ids are left out."""
    return dict(queries.list_rentals(rental_ids=rental_ids).values_list("id", "item_id"))


# -----------------------------------------------------------------------------------------------------------------------------------


def list_snapshots(
    *, after: UUID | None = None, limit: int = 500, rental_ids: Collection[UUID] | None = None, now: datetime
) -> list[RentalSnapshot]:
    """Return up to `limit` rentals, those that have ended among them, in the order of their ids after `after`; of `rental_ids` where given.

    `overdue` is as of `now`.
    """
    rentals = queries.list_rentals(after=after, rental_ids=rental_ids)[:limit]
    return [queries.snapshot(rental=rental, now=now) for rental in rentals]


def list_holding(*, item_ids: Collection[UUID], now: datetime) -> list[RentalSnapshot]:
    """Return the rentals that hold one of these items: all that have not ended."""
    return [queries.snapshot(rental=rental, now=now) for rental in queries.list_holding(item_ids=item_ids)]
