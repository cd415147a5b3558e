"""What rentals does when it hears something: of items, of payments, and from its own timers."""

from datetime import datetime

from apps.items.events import ItemRegistered, ItemRevised, ItemWithdrawn, RentalRefused
from apps.payments.events import PaymentApproved, PaymentDeclined, PaymentRefunded
from apps.rentals.events import PaymentDeadlinePassed, PeriodBegan, PeriodEnded
from apps.rentals.services import cancelling, lending, listings, paying, requesting
from gdmarket import bus, clock


@bus.idempotent
def on_item_registered(event: ItemRegistered) -> None:
    """Learn of a new item."""
    _learn(event, withdrawn=False)


@bus.idempotent
def on_item_revised(event: ItemRevised) -> None:
    """Learn of an item's new name or price; rentals already agreed keep theirs."""
    _learn(event, withdrawn=False)


@bus.idempotent
def on_item_withdrawn(event: ItemWithdrawn) -> None:
    """Take no more requests for the item."""
    _learn(event, withdrawn=True)


def on_rental_refused(event: RentalRefused) -> None:
    """Compensate: cancel the rental, and refund it where it was paid."""
    cancelling.refuse_rental(rental_id=event.rental_id, reason=event.reason, now=clock.now())


def on_payment_approved(event: PaymentApproved) -> None:
    """Book the rental as paid, unless the synchronous answer already did.

    :raises bus.Reject: if the money belongs to no attempt of the rental; a person must look
    """
    ours = paying.settle_payment(rental_id=event.rental_id, payment_id=event.payment_id, outcome=event.state, now=event.occurred_at)
    if not ours:
        raise bus.Reject(f"payment {event.payment_id} is not an attempt that rental {event.rental_id} waits for")


def on_payment_declined(event: PaymentDeclined) -> None:
    """Let the renter try again, unless the synchronous answer already did."""
    paying.settle_payment(
        rental_id=event.rental_id,
        payment_id=event.payment_id,
        outcome=event.state,
        reason=event.reason,
        now=clock.now(),
    )


def on_payment_refunded(event: PaymentRefunded) -> None:
    """Cancel the rental, or let it be paid anew."""
    cancelling.settle_refund(rental_id=event.rental_id, payment_id=event.payment_id, now=clock.now())


def on_payment_deadline_passed(event: PaymentDeadlinePassed) -> None:
    """Expire the rental if it still waits to be paid."""
    requesting.expire_unpaid(rental_id=event.rental_id, due_at=event.due_at, now=_no_earlier_than(event.due_at))


def on_period_began(event: PeriodBegan) -> None:
    """Tell the others that a paid rental's period began."""
    lending.begin_period(rental_id=event.rental_id, now=_no_earlier_than(event.due_at))


def on_period_ended(event: PeriodEnded) -> None:
    """Tell the others that an item is overdue."""
    lending.end_period(rental_id=event.rental_id, now=_no_earlier_than(event.due_at))


def _no_earlier_than(due_at: datetime) -> datetime:
    # Timers go by the database's clock; this process's own may lag behind it.
    return max(clock.now(), due_at)


def _learn(event: ItemRegistered | ItemRevised | ItemWithdrawn, *, withdrawn: bool) -> None:
    listings.upsert_listing(
        item_id=event.item_id,
        manager_id=event.manager_id,
        name=event.name,
        daily_price=event.daily_price,
        currency=event.currency,
        withdrawn=withdrawn,
        version=event.version,
    )
