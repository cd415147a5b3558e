"""The projection: facts change the rows they concern, many at a time. Nothing is published, so that the view can be rebuilt at will."""

from collections.abc import Sequence
from typing import Any

from apps.items.events import ItemRegistered, ItemRevised, ItemWithdrawn
from apps.payments.events import PaymentApproved, PaymentDeclined, PaymentPartlyRefunded, PaymentRefunded
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
from apps.status_view.services import owners, projecting
from gdmarket import bus

_ITEM_FACTS = (ItemRegistered, ItemRevised, ItemWithdrawn)
# Only handlers may name other contexts' events; checking and rebuilding are given them from here.
SOURCES = owners.Sources(
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
    payments=(PaymentApproved, PaymentDeclined, PaymentPartlyRefunded, PaymentRefunded),
)


@bus.batch
@bus.idempotent
def on_facts(facts: Sequence[Any]) -> None:
    """Bring the rows that these facts concern up to them, all at once."""
    projecting.apply_facts(
        items=_among(facts, _ITEM_FACTS), rentals=_among(facts, SOURCES.rentals), payments=_among(facts, SOURCES.payments)
    )


def _among(facts: Sequence[Any], kinds: tuple[type, ...]) -> list[Any]:
    return [fact for fact in facts if isinstance(fact, kinds)]
