"""Every event and who hears it."""

from collections.abc import Callable, Mapping
from typing import Any

from apps.accounts.events import ManagerReinstated, ManagerSuspended
from apps.items import handlers as items
from apps.items.events import (
    ItemPaused,
    ItemRegistered,
    ItemResumed,
    ItemRevised,
    ItemWithdrawn,
    PickupPlaceRevised,
    RentalRefused,
)
from apps.payments import handlers as payments
from apps.payments.events import (
    FullRefundRecorded,
    PaymentApproved,
    PaymentCheckDue,
    PaymentDeclined,
    PaymentNoticed,
    PaymentNotSent,
    PaymentPartlyRefunded,
    PaymentRefunded,
    RefundRecorded,
)
from apps.rentals import handlers as rentals
from apps.rentals.events import (
    PaymentDeadlinePassed,
    PeriodBegan,
    PeriodBlocked,
    PeriodEnded,
    PeriodUnblocked,
    RentalCancelled,
    RentalCancelRequested,
    RentalExpired,
    RentalHandedOver,
    RentalHoldProlonged,
    RentalItemChanged,
    RentalNoShowRecorded,
    RentalOverdue,
    RentalPaid,
    RentalPaymentCancelled,
    RentalPaymentFailed,
    RentalPaymentStarted,
    RentalPeriodBegan,
    RentalRefundDue,
    RentalRefunded,
    RentalRequested,
    RentalReturned,
    RentalReturnUndone,
)
from apps.status_view import handlers as status_view

Handler = Callable[[Any], None]

SUBSCRIPTIONS: Mapping[type, tuple[Handler, ...]] = {
    # People
    ManagerSuspended: (items.on_manager_suspended, rentals.on_manager_suspended),
    ManagerReinstated: (items.on_manager_reinstated, rentals.on_manager_reinstated),
    # The catalogue
    ItemRegistered: (rentals.on_item_registered, status_view.on_facts),
    ItemRevised: (rentals.on_item_revised, status_view.on_facts),
    ItemPaused: (rentals.on_item_paused, status_view.on_facts),
    ItemResumed: (rentals.on_item_resumed, status_view.on_facts),
    ItemWithdrawn: (rentals.on_item_withdrawn, status_view.on_facts),
    PickupPlaceRevised: (items.on_pickup_place_revised,),
    PeriodBlocked: (items.on_period_blocked,),
    PeriodUnblocked: (items.on_period_unblocked,),
    # From request to return
    RentalRequested: (items.on_rental_requested, status_view.on_facts),
    RentalPaymentStarted: (payments.on_rental_payment_started, status_view.on_facts),
    RentalPaid: (status_view.on_facts,),
    RentalPaymentFailed: (status_view.on_facts,),
    RentalHoldProlonged: (status_view.on_facts,),
    RentalHandedOver: (items.on_rental_handed_over, status_view.on_facts),
    RentalPeriodBegan: (status_view.on_facts,),
    RentalItemChanged: (status_view.on_facts,),
    RentalOverdue: (status_view.on_facts,),
    RentalReturned: (items.on_rental_returned, status_view.on_facts),
    RentalReturnUndone: (items.on_rental_return_undone, status_view.on_facts),
    # Cancellation, expiry and refunds
    RentalRefused: (rentals.on_rental_refused,),
    RentalCancelRequested: (status_view.on_facts,),
    RentalRefundDue: (payments.on_rental_refund_due, status_view.on_facts),
    RentalPaymentCancelled: (status_view.on_facts,),
    RentalRefunded: (status_view.on_facts,),
    RentalCancelled: (items.on_rental_cancelled, status_view.on_facts),
    RentalExpired: (items.on_rental_expired, status_view.on_facts),
    RentalNoShowRecorded: (items.on_rental_no_show_recorded, status_view.on_facts),
    # Payments
    PaymentApproved: (rentals.on_payment_approved, status_view.on_facts),
    PaymentDeclined: (rentals.on_payment_declined, status_view.on_facts),
    PaymentNotSent: (rentals.on_payment_not_sent, status_view.on_facts),
    FullRefundRecorded: (rentals.on_full_refund_recorded,),
    PaymentPartlyRefunded: (status_view.on_facts,),
    PaymentRefunded: (rentals.on_payment_refunded, status_view.on_facts),
    # Timers and reminders of a context to itself
    PaymentDeadlinePassed: (rentals.on_payment_deadline_passed,),
    PeriodBegan: (rentals.on_period_began,),
    PeriodEnded: (rentals.on_period_ended,),
    PaymentCheckDue: (payments.on_payment_check_due,),
    PaymentNoticed: (payments.on_payment_noticed,),
    RefundRecorded: (payments.on_refund_recorded,),
}
