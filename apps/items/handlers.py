"""How items reacts to facts of accounts and rentals, and to its own."""

from dataclasses import replace

from apps.accounts.events import ManagerReinstated, ManagerSuspended
from apps.items import services
from apps.items.events import PickupPlaceRevised
from apps.items.services import blocks
from apps.rentals.contracts import RentalSnapshot
from apps.rentals.events import (
    PeriodBlocked,
    PeriodUnblocked,
    RentalCancelled,
    RentalExpired,
    RentalHandedOver,
    RentalNoShowRecorded,
    RentalRequested,
    RentalReturned,
    RentalReturnUndone,
)
from gdmarket import bus, clock


@bus.idempotent
def on_manager_suspended(event: ManagerSuspended) -> None:
    """Hide the manager's items."""
    services.set_suspended(manager_id=event.manager_id, is_suspended=True, version=event.version)


@bus.idempotent
def on_manager_reinstated(event: ManagerReinstated) -> None:
    """Show the manager's items again."""
    services.set_suspended(manager_id=event.manager_id, is_suspended=False, version=event.version)


@bus.idempotent
def on_pickup_place_revised(event: PickupPlaceRevised) -> None:
    """Let the next items of the place follow it."""
    services.move_items(place_id=event.place_id, now=clock.now())


def on_rental_requested(event: RentalRequested) -> None:
    """Reserve the period, or refuse the rental if the item was withdrawn meanwhile."""
    services.reserve_item(rental=event, now=clock.now())


@bus.idempotent
def on_rental_handed_over(event: RentalHandedOver) -> None:
    """Record that the item is rented out, also when that is before its period."""
    services.lend_item(rental=_from_handover(event))


@bus.idempotent
def on_rental_returned(event: RentalReturned) -> None:
    """Make the item available again."""
    services.free_item(rental=event)


@bus.idempotent
def on_rental_return_undone(event: RentalReturnUndone) -> None:
    """Record that the item is still rented out."""
    services.lend_item(rental=_from_handover(event))


@bus.idempotent
def on_rental_cancelled(event: RentalCancelled) -> None:
    """Free the period."""
    services.free_item(rental=event)


@bus.idempotent
def on_rental_expired(event: RentalExpired) -> None:
    """Free the period."""
    services.free_item(rental=event)


@bus.idempotent
def on_rental_no_show_recorded(event: RentalNoShowRecorded) -> None:
    """Free the period: nobody fetched the item."""
    services.free_item(rental=event)


@bus.idempotent
def on_period_blocked(event: PeriodBlocked) -> None:
    """Keep the item out of searches for those days."""
    blocks.record_block(block=event, is_lifted=False)


@bus.idempotent
def on_period_unblocked(event: PeriodUnblocked) -> None:
    """Let searches for those days find the item again."""
    blocks.record_block(block=event, is_lifted=True)


def _from_handover(rental: RentalSnapshot) -> RentalSnapshot:
    """Return the rental with its period from the handover on, where that came before it."""
    return replace(rental, starts_at=min(rental.starts_at, rental.handed_over_at or rental.starts_at))
