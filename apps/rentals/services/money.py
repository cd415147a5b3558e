"""What payments knows of the money of rentals, for those who decide about it."""

import logging
from collections.abc import Collection
from uuid import UUID

from django.db import InterfaceError, OperationalError

from apps.payments import facade as payments
from apps.payments.contracts import TakenPayment
from apps.rentals.models import Rental

logger = logging.getLogger(__name__)


def list_taken(*, rentals: Collection[Rental]) -> dict[UUID, TakenPayment]:
    """Return by the ids of rentals the latest payment of each that was taken; none while the database of payments is away."""
    by_payment = {rental.payment_id: rental.id for rental in rentals if rental.payment_id}
    try:
        taken = payments.list_taken(payment_ids=[*by_payment])
    except (OperationalError, InterfaceError) as away:
        logger.warning("what was paid is not shown: %s", str(away).strip())
        return {}
    return {by_payment[payment.payment_id]: payment for payment in taken}
