"""What neighbours may ask of rentals: how every rental stands, so that a copy can be compared or made anew."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from apps.rentals import queries
from apps.rentals.models import Rental


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalSnapshot:
    """What rentals' facts say of a rental, as it stands; `price` in minor units of `currency`; `occurred_at` is its last known change."""

    rental_id: UUID
    item_id: UUID
    item_name: str
    renter_id: UUID
    manager_id: UUID
    starts_at: datetime
    ends_at: datetime
    price: int
    currency: str
    state: str
    overdue: bool
    payment_due_at: datetime
    payment_id: UUID | None
    payment_state: str | None
    cancel_requested: bool
    version: int
    requested_at: datetime
    paid_at: datetime | None
    handed_over_at: datetime | None
    returned_at: datetime | None
    closed_at: datetime | None
    occurred_at: datetime


def count_rentals() -> int:
    """Return how many rentals there are, those that have ended among them."""
    return queries.list_rentals().count()


def list_snapshots(
    *, after: UUID | None = None, limit: int = 500, rental_ids: Collection[UUID] | None = None, now: datetime
) -> list[RentalSnapshot]:
    """Return up to `limit` rentals, those that have ended among them, in the order of their ids after `after`; of `rental_ids` where given.

    `overdue` is told as of `now`.
    """
    rentals = queries.list_rentals(after=after, rental_ids=rental_ids)[:limit]
    return [_snapshot(rental, now=now) for rental in rentals]


def list_holding(*, item_ids: Collection[UUID], now: datetime) -> list[RentalSnapshot]:
    """Return the rentals that hold one of these items: all that have not ended."""
    return [_snapshot(rental, now=now) for rental in queries.list_holding(item_ids=item_ids)]


def _snapshot(rental: Rental, *, now: datetime) -> RentalSnapshot:
    return RentalSnapshot(**queries.public(rental=rental, now=now), occurred_at=queries.changed_at(rental=rental))
