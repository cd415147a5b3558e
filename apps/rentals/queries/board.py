"""The rentals that the board draws: those that hold items, or did, in some weeks."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from apps.rentals.domain import HOLDING, RentalState
from apps.rentals.models import Rental

_SHOWN = ("id", "item_id", "renter_id", "starts_at", "ends_at", "state", "handed_over_at", "returned_at")


def list_rentals_between(*, item_ids: Collection[UUID], starts_at: datetime, ends_at: datetime, limit: int) -> list[Mapping[str, Any]]:
    """Return up to `limit` rentals of these items that keep them, or kept them, in a part of `[starts_at, ends_at)`.

    What came to nothing kept nothing. An item is with its renter from the handover, where that was before the period, until it is back.
    """
    keeps = Q(state__in=HOLDING, closed_at=None) | Q(state__in=[RentalState.RETURNED, RentalState.NO_SHOW])
    begun = Q(starts_at__lt=ends_at) | Q(handed_over_at__lt=ends_at)
    not_over = Q(ends_at__gt=starts_at) | Q(state=RentalState.RENTED) | Q(returned_at__gt=starts_at)
    rentals = Rental.objects.filter(keeps, begun, not_over, item_id__in=item_ids)
    return list(rentals.order_by("starts_at", "id").values(*_SHOWN)[:limit])
