"""How items reacts to facts of rentals."""

from dataclasses import replace

from apps.items import services
from apps.rentals.events import RentalCancelled, RentalExpired, RentalHandedOver, RentalRequested, RentalReturned
from gdmarket import bus, clock


def on_rental_requested(event: RentalRequested) -> None:
    """Reserve the period, or refuse the rental if the item was withdrawn meanwhile."""
    services.reserve_item(rental=event, now=clock.now())


@bus.idempotent
def on_rental_handed_over(event: RentalHandedOver) -> None:
    """Record that the item is rented out, also when that is before its period."""
    services.lend_item(rental=replace(event, starts_at=min(event.starts_at, event.handed_over_at or event.starts_at)))


@bus.idempotent
def on_rental_returned(event: RentalReturned) -> None:
    """Make the item available again."""
    services.free_item(rental=event)


@bus.idempotent
def on_rental_cancelled(event: RentalCancelled) -> None:
    """Free the period."""
    services.free_item(rental=event)


@bus.idempotent
def on_rental_expired(event: RentalExpired) -> None:
    """Free the period."""
    services.free_item(rental=event)
