"""Every use case of rentals: who may change what, and which fact tells the others."""

from apps.rentals.services.cancelling import cancel_payment, cancel_rental, refuse_rental, settle_refund
from apps.rentals.services.lending import begin_period, end_period, hand_over, take_back
from apps.rentals.services.listings import learn_item
from apps.rentals.services.paying import expire_unpaid, pay_rental, request_rental, settle_payment

__all__ = [
    "begin_period",
    "cancel_payment",
    "cancel_rental",
    "end_period",
    "expire_unpaid",
    "hand_over",
    "learn_item",
    "pay_rental",
    "refuse_rental",
    "request_rental",
    "settle_payment",
    "settle_refund",
    "take_back",
]
