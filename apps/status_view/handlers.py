"""The projection: each fact changes the rows it concerns. Handlers publish nothing, so that the view can be rebuilt at will."""

from apps.items.events import ItemRegistered, ItemRevised, ItemWithdrawn
from apps.payments.events import PaymentApproved, PaymentDeclined, PaymentRefunded
from apps.rentals.events import (
    RentalCancelled,
    RentalCancelRequested,
    RentalExpired,
    RentalHandedOver,
    RentalHoldProlonged,
    RentalOverdue,
    RentalPaid,
    RentalPaymentCancelled,
    RentalPaymentFailed,
    RentalPaymentStarted,
    RentalPeriodBegan,
    RentalRefundDue,
    RentalRequested,
    RentalReturned,
)
from apps.status_view import services

LOG = services.Log(
    items=(ItemRegistered, ItemRevised, ItemWithdrawn),
    rentals=(
        RentalRequested,
        RentalPaymentStarted,
        RentalPaid,
        RentalPaymentFailed,
        RentalHoldProlonged,
        RentalHandedOver,
        RentalPeriodBegan,
        RentalOverdue,
        RentalReturned,
        RentalCancelRequested,
        RentalRefundDue,
        RentalPaymentCancelled,
        RentalCancelled,
        RentalExpired,
    ),
    payments=(PaymentApproved, PaymentDeclined, PaymentRefunded),
)


def on_item_registered(event: ItemRegistered) -> None:
    """Show a new item."""
    services.note_item_fact(fact=event)


def on_item_revised(event: ItemRevised) -> None:
    """Show an item as revised."""
    services.note_item_fact(fact=event)


def on_item_withdrawn(event: ItemWithdrawn) -> None:
    """Show an item as withdrawn."""
    services.note_item_fact(fact=event)


def on_rental_requested(event: RentalRequested) -> None:
    """Show a new rental, and its item as reserved."""
    services.note_rental_fact(fact=event)


def on_rental_payment_started(event: RentalPaymentStarted) -> None:
    """Show that the provider is being asked."""
    services.note_rental_fact(fact=event)


def on_rental_paid(event: RentalPaid) -> None:
    """Show a rental as paid."""
    services.note_rental_fact(fact=event)


def on_rental_payment_failed(event: RentalPaymentFailed) -> None:
    """Show that paying came to nothing."""
    services.note_rental_fact(fact=event)


def on_rental_hold_prolonged(event: RentalHoldProlonged) -> None:
    """Show the later time to pay by."""
    services.note_rental_fact(fact=event)


def on_rental_handed_over(event: RentalHandedOver) -> None:
    """Show a rental and its item as rented."""
    services.note_rental_fact(fact=event)


def on_rental_period_began(event: RentalPeriodBegan) -> None:
    """Note that the period began."""
    services.note_rental_fact(fact=event)


def on_rental_overdue(event: RentalOverdue) -> None:
    """Show a rental as overdue."""
    services.note_rental_fact(fact=event)


def on_rental_returned(event: RentalReturned) -> None:
    """Show a rental as over, and its item as free."""
    services.note_rental_fact(fact=event)


def on_rental_cancel_requested(event: RentalCancelRequested) -> None:
    """Show that a cancel waits."""
    services.note_rental_fact(fact=event)


def on_rental_refund_due(event: RentalRefundDue) -> None:
    """Show that the money is on its way back."""
    services.note_rental_fact(fact=event)


def on_rental_payment_cancelled(event: RentalPaymentCancelled) -> None:
    """Show a rental as unpaid again."""
    services.note_rental_fact(fact=event)


def on_rental_cancelled(event: RentalCancelled) -> None:
    """Show a rental as cancelled, and its item as free."""
    services.note_rental_fact(fact=event)


def on_rental_expired(event: RentalExpired) -> None:
    """Show a rental as expired, and its item as free."""
    services.note_rental_fact(fact=event)


def on_payment_approved(event: PaymentApproved) -> None:
    """Add what was taken to a rental's money."""
    services.note_payment_fact(fact=event)


def on_payment_declined(event: PaymentDeclined) -> None:
    """Note the attempt in a rental's story."""
    services.note_payment_fact(fact=event)


def on_payment_refunded(event: PaymentRefunded) -> None:
    """Add what was given back to a rental's money."""
    services.note_payment_fact(fact=event)
