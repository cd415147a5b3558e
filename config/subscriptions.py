"""Every event and who hears it."""

from collections.abc import Callable, Mapping
from typing import Any

from apps.items import handlers as items
from apps.items.events import ItemRegistered, ItemRevised, ItemWithdrawn, RentalRefused
from apps.payments import handlers as payments
from apps.payments.events import PaymentApproved, PaymentCheckDue, PaymentDeclined, PaymentRefunded, RefundRecorded
from apps.rentals import handlers as rentals
from apps.rentals.events import (
    PaymentDeadlinePassed,
    PeriodBegan,
    PeriodEnded,
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
from apps.status_view import handlers as status_view

Handler = Callable[[Any], None]

SUBSCRIPTIONS: Mapping[type, tuple[Handler, ...]] = {
    # The catalogue
    ItemRegistered: (rentals.on_item_registered, status_view.on_item_registered),
    ItemRevised: (rentals.on_item_revised, status_view.on_item_revised),
    ItemWithdrawn: (rentals.on_item_withdrawn, status_view.on_item_withdrawn),
    # From request to return
    RentalRequested: (items.on_rental_requested, status_view.on_rental_requested),
    RentalPaymentStarted: (payments.on_rental_payment_started, status_view.on_rental_payment_started),
    RentalPaid: (status_view.on_rental_paid,),
    RentalPaymentFailed: (status_view.on_rental_payment_failed,),
    RentalHoldProlonged: (status_view.on_rental_hold_prolonged,),
    RentalHandedOver: (items.on_rental_handed_over, status_view.on_rental_handed_over),
    RentalPeriodBegan: (status_view.on_rental_period_began,),
    RentalOverdue: (status_view.on_rental_overdue,),
    RentalReturned: (items.on_rental_returned, status_view.on_rental_returned),
    # Calling it off
    RentalRefused: (rentals.on_rental_refused,),
    RentalCancelRequested: (status_view.on_rental_cancel_requested,),
    RentalRefundDue: (payments.on_rental_refund_due, status_view.on_rental_refund_due),
    RentalPaymentCancelled: (status_view.on_rental_payment_cancelled,),
    RentalCancelled: (items.on_rental_cancelled, status_view.on_rental_cancelled),
    RentalExpired: (items.on_rental_expired, status_view.on_rental_expired),
    # The money
    PaymentApproved: (rentals.on_payment_approved, status_view.on_payment_approved),
    PaymentDeclined: (rentals.on_payment_declined, status_view.on_payment_declined),
    PaymentRefunded: (rentals.on_payment_refunded, status_view.on_payment_refunded),
    # What a context tells itself
    PaymentDeadlinePassed: (rentals.on_payment_deadline_passed,),
    PeriodBegan: (rentals.on_period_began,),
    PeriodEnded: (rentals.on_period_ended,),
    PaymentCheckDue: (payments.on_payment_check_due,),
    RefundRecorded: (payments.on_refund_recorded,),
}
