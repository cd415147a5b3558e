"""The rentals that wait for somebody, as the desk shows them: a manager's, or everybody's."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.rentals.domain import DAY, RentalState
from apps.rentals.models import Rental
from gdmarket import ids

_SHOWN = ("id", "item_id", "item_name", "renter_id", "starts_at", "ends_at", "state", "payment_due_at", "cancel_requested")


class WorkQueue(StrEnum):
    """The open rentals by what they wait for."""

    OVERDUE = "overdue"
    TO_HAND_OVER = "to_hand_over"
    DUE_BACK = "due_back"
    UNPAID = "unpaid"
    SETTLING = "settling"
    OUT = "out"


_FIRST = {
    WorkQueue.OVERDUE: "ends_at",
    WorkQueue.TO_HAND_OVER: "starts_at",
    WorkQueue.DUE_BACK: "ends_at",
    WorkQueue.UNPAID: "payment_due_at",
    WorkQueue.SETTLING: "payment_due_at",
    WorkQueue.OUT: "ends_at",
}


def in_work_queue(*, queue: WorkQueue, now: datetime, day_ends_at: datetime) -> Q:
    """Return the condition on rentals in a queue; `day_ends_at` is the next midnight where the market is.

    To hand over are those paid whose period begins today or has begun; due back those out whose period ends today or tomorrow; settling
    those of which the payment provider has yet to say whether money was taken or given back.
    """
    match queue:
        case WorkQueue.OVERDUE:
            return Q(state=RentalState.RENTED, ends_at__lte=now)
        case WorkQueue.TO_HAND_OVER:
            return Q(state=RentalState.PAID, starts_at__lt=day_ends_at)
        case WorkQueue.DUE_BACK:
            return Q(state=RentalState.RENTED, ends_at__gt=now, ends_at__lt=day_ends_at + DAY)
        case WorkQueue.UNPAID:
            return Q(state=RentalState.REQUESTED)
        case WorkQueue.SETTLING:
            return Q(state__in=[RentalState.PAYING, RentalState.REFUNDING])
        case WorkQueue.OUT:
            return Q(state=RentalState.RENTED)


def list_at_hand(*, queue: WorkQueue, manager_id: UUID | None, now: datetime, day_ends_at: datetime, limit: int) -> list[Mapping[str, Any]]:
    """Return the first `limit` rentals of a queue, the most urgent first: a manager's; without a manager, everybody's."""
    waiting = _managed_by(manager_id).filter(in_work_queue(queue=queue, now=now, day_ends_at=day_ends_at))
    return list(waiting.order_by(_FIRST[queue], "id").values(*_SHOWN)[:limit])


def count_requested(*, manager_id: UUID | None, since: datetime, limit: int) -> int:
    """Return how many rentals were requested after `since`, `limit` at most: a manager's; without a manager, everybody's."""
    # Ids are in the order of the requests, which for everybody's has no index of its own.
    oldest = ids.first_at(since - timedelta(minutes=1))
    return _managed_by(manager_id).filter(requested_at__gt=since, id__gte=oldest).order_by()[:limit].count()


def _managed_by(manager_id: UUID | None) -> QuerySet[Rental]:
    return Rental.objects.all() if manager_id is None else Rental.objects.filter(manager_id=manager_id)
