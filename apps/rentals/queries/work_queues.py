"""The rentals that wait for somebody, as the desk shows them: a manager's, or everybody's."""

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet, TextChoices
from django.utils.timezone import get_current_timezone, localdate
from django.utils.translation import gettext_lazy as _

from apps.rentals.domain import DAY, RentalState
from apps.rentals.models import Rental

_SHOWN = ("id", "item_id", "item_name", "renter_id", "starts_at", "ends_at", "state", "payment_due_at", "cancel_requested")


class WorkQueue(TextChoices):
    """The open rentals by what they wait for."""

    OVERDUE = "overdue", _("Overdue")
    TO_HAND_OVER = "to_hand_over", _("To hand over today")
    DUE_BACK = "due_back", _("Due back today or tomorrow")
    UNPAID = "unpaid", _("Waiting for payment")
    SETTLING = "settling", _("Money being settled")
    OUT = "out", _("Out now")


_FIRST = {
    WorkQueue.OVERDUE: "ends_at",
    WorkQueue.TO_HAND_OVER: "starts_at",
    WorkQueue.DUE_BACK: "ends_at",
    WorkQueue.UNPAID: "payment_due_at",
    WorkQueue.SETTLING: "payment_due_at",
    WorkQueue.OUT: "ends_at",
}


def in_work_queue(*, queue: WorkQueue, now: datetime) -> Q:
    """Return the condition on rentals in a queue; a day ends at midnight in the current time zone.

    To hand over are those paid whose period begins today or has begun, and is not over; due back those out whose period ends today or
    tomorrow; settling those of which the payment provider has yet to say whether money was taken or given back.
    """
    day_ends_at = datetime.combine(localdate(now) + DAY, time.min, tzinfo=get_current_timezone())
    match queue:
        case WorkQueue.OVERDUE:
            return Q(state=RentalState.RENTED, ends_at__lte=now)
        case WorkQueue.TO_HAND_OVER:
            return Q(state=RentalState.PAID, starts_at__lt=day_ends_at, ends_at__gt=now)
        case WorkQueue.DUE_BACK:
            return Q(state=RentalState.RENTED, ends_at__gt=now, ends_at__lt=day_ends_at + DAY)
        case WorkQueue.UNPAID:
            return Q(state=RentalState.REQUESTED)
        case WorkQueue.SETTLING:
            return Q(state__in=[RentalState.PAYING, RentalState.REFUNDING])
        case WorkQueue.OUT:
            return Q(state=RentalState.RENTED)


def list_work_queue(*, queue: WorkQueue, manager_id: UUID | None, now: datetime, limit: int) -> list[Mapping[str, Any]]:
    """Return the first `limit` rentals of a queue, the most urgent first: a manager's; without a manager, everybody's."""
    waiting = _managed_by(manager_id).filter(in_work_queue(queue=queue, now=now))
    return list(waiting.order_by(_FIRST[queue], "id").values(*_SHOWN)[:limit])


def count_requested(*, manager_id: UUID | None, since: datetime, limit: int) -> int:
    """Return how many rentals renters requested after `since`, `limit` at most: a manager's; without a manager, everybody's."""
    # Not by their ids: a request that was refused for the moment and is repeated later keeps its own.
    return _managed_by(manager_id).filter(requested_at__gt=since).exclude(in_cash=True).order_by()[:limit].count()


def _managed_by(manager_id: UUID | None) -> QuerySet[Rental]:
    return Rental.objects.all() if manager_id is None else Rental.objects.filter(manager_id=manager_id)
