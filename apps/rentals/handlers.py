"""How rentals reacts to facts of items and payments, and to its own timers."""

from datetime import datetime

from apps.accounts.events import ManagerReinstated, ManagerSuspended
from apps.items.events import ItemPaused, ItemRegistered, ItemResumed, ItemRevised, ItemWithdrawn, RentalRefused
from apps.payments.contracts import ChargeOutcome
from apps.payments.events import FullRefundRecorded, PaymentApproved, PaymentDeclined, PaymentNotSent, PaymentRefunded
from apps.rentals.events import PaymentDeadlinePassed, PeriodBegan, PeriodEnded
from apps.rentals.services import cancelling, lending, listings, paying, requesting
from gdmarket import bus, clock


@bus.idempotent
def on_manager_suspended(event: ManagerSuspended) -> None:
    """Take no more requests for the manager's items, and no payments."""
    listings.set_suspended(manager_id=event.manager_id, is_suspended=True, version=event.version)


@bus.idempotent
def on_manager_reinstated(event: ManagerReinstated) -> None:
    """Take them again."""
    listings.set_suspended(manager_id=event.manager_id, is_suspended=False, version=event.version)


@bus.idempotent
def on_item_registered(event: ItemRegistered) -> None:
    """Add a listing of the item."""
    listings.upsert_listing(item=event)


@bus.idempotent
def on_item_revised(event: ItemRevised) -> None:
    """Update the listing; existing rentals keep what they agreed to, and tell what has changed."""
    listings.upsert_listing(item=event)


@bus.idempotent
def on_item_paused(event: ItemPaused) -> None:
    """Take no requests for the item until it is resumed."""
    listings.upsert_listing(item=event)


@bus.idempotent
def on_item_resumed(event: ItemResumed) -> None:
    """Take requests for the item again."""
    listings.upsert_listing(item=event)


@bus.idempotent
def on_item_withdrawn(event: ItemWithdrawn) -> None:
    """Take no more requests for the item."""
    listings.upsert_listing(item=event)


def on_rental_refused(event: RentalRefused) -> None:
    """Compensate: cancel the rental, and refund it if it was paid."""
    cancelling.refuse_rental(rental_id=event.rental_id, reason=event.reason, now=clock.now())


def on_payment_approved(event: PaymentApproved) -> None:
    """Settle the rental as paid, if `pay_rental` did not: its process died, or the outcome was unknown then.

    :raises bus.Reject: if the payment is no attempt of the rental: an operator must look into it
    """
    is_known = paying.settle_payment(
        rental_id=event.rental_id,
        payment_id=event.payment_id,
        outcome=event.state,
        now=event.occurred_at,
        answered_at=clock.now(),
    )
    if not is_known:
        raise bus.Reject(f"payment {event.payment_id} is not an attempt that rental {event.rental_id} waits for")


def on_payment_declined(event: PaymentDeclined) -> None:
    """Settle the rental as not paid, if `pay_rental` did not."""
    paying.settle_payment(
        rental_id=event.rental_id,
        payment_id=event.payment_id,
        outcome=event.state,
        reason=event.reason,
        # Earlier versions told like this, too, what was never sent.
        provider_failed=event.state == ChargeOutcome.NOT_SENT,
        now=clock.now(),
    )


def on_payment_not_sent(event: PaymentNotSent) -> None:
    """Settle the rental as not paid, if `pay_rental` did not; its hold is prolonged where the provider failed."""
    paying.settle_payment(
        rental_id=event.rental_id,
        payment_id=event.payment_id,
        outcome=event.state,
        reason=event.reason,
        provider_failed=event.provider_failed,
        now=clock.now(),
    )


def on_full_refund_recorded(event: FullRefundRecorded) -> None:
    """Let the rental not be handed over any more."""
    cancelling.begin_full_refund(
        rental_id=event.rental_id, payment_id=event.payment_id, stated_by=event.stated_by, reason=event.stated_reason, now=clock.now()
    )


def on_payment_refunded(event: PaymentRefunded) -> None:
    """Cancel the rental, or let it be paid again."""
    cancelling.settle_refund(
        rental_id=event.rental_id, payment_id=event.payment_id, stated_by=event.stated_by, reason=event.stated_reason, now=clock.now()
    )


def on_payment_deadline_passed(event: PaymentDeadlinePassed) -> None:
    """Expire the rental if it still waits to be paid."""
    requesting.expire_unpaid(rental_id=event.rental_id, due_at=event.due_at, now=_no_earlier_than(event.due_at))


def on_period_began(event: PeriodBegan) -> None:
    """Publish that a paid rental's period began."""
    lending.begin_period(rental_id=event.rental_id, now=_no_earlier_than(event.due_at))


def on_period_ended(event: PeriodEnded) -> None:
    """Publish that an item is overdue, or was never fetched."""
    lending.end_period(rental_id=event.rental_id, now=_no_earlier_than(event.due_at))


def _no_earlier_than(due_at: datetime) -> datetime:
    # Timers go by the database's clock; this process's own may lag behind it.
    return max(clock.now(), due_at)
