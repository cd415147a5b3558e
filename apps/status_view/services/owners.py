"""What the owners say of their items, rentals and payments: snapshots of how they stand, and the facts that the log still holds."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.items import facade as items
from apps.payments import facade as payments
from apps.payments.contracts import PaymentSnapshot
from apps.rentals import facade as rentals
from apps.rentals.contracts import RentalSnapshot
from apps.status_view.services.rows import Rows
from gdmarket import bus

PAGE = 200
"""How many rows are asked for and written at once: few enough that SQLite's one writer is soon free again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """The kinds of facts that a rental's story is made of, by whose they are; and who is told of one that cannot be read."""

    rentals: tuple[type, ...]
    payments: tuple[type, ...]
    on_unreadable: Callable[[str], object] | None = None

    def history(self, *, streams: Sequence[str]) -> list[Any]:
        """Return the facts that the log holds of these streams, each stream's in order."""
        told = bus.history(reader="status_view", streams=streams, types=(*self.rentals, *self.payments), on_unreadable=self.on_unreadable)
        return [recorded.event for recorded in told]


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What is said of some rentals and their payments."""

    rentals: Sequence[RentalSnapshot]
    payments: Sequence[PaymentSnapshot]
    rental_facts: Sequence[Any]
    payment_facts: Sequence[Any]

    def fold_into(self, rows: Rows) -> None:
        """Bring the rows up to it: the owners' word first, so that where a fact differs from it, it shows."""
        rows.fold_snapshots(rentals=self.rentals, payments=self.payments)
        rows.fold(rentals=self.rental_facts, payments=self.payment_facts)


def count_owned() -> int:
    """Return how many rows a whole view has, one for each rental and item there is."""
    return rentals.count_rentals() + items.count_items()


def ask_of_rentals(*, sources: Sources, after: UUID | None = None, rental_ids: Collection[UUID] | None = None, now: datetime) -> Told:
    """Return what is said of a page of rentals after `after`, or of these.

    A snapshot is read before the facts: what happens in between is in those.
    :raises bus.UndecodableError, bus.UnknownEventError: if a fact in the log cannot be read, and nobody is to be told instead
    """
    rental_snapshots = rentals.list_snapshots(after=after, limit=PAGE, rental_ids=rental_ids, now=now)
    payment_snapshots = payments.list_snapshots(rental_ids=[rental.rental_id for rental in rental_snapshots])
    streams = [f"rental:{rental.rental_id}" for rental in rental_snapshots]
    paid_in = [f"payment:{payment.payment_id}" for payment in payment_snapshots]
    return Told(
        rentals=rental_snapshots,
        payments=payment_snapshots,
        rental_facts=sources.history(streams=streams),
        payment_facts=sources.history(streams=paid_in),
    )
