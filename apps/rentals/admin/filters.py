"""Narrowing the list of rentals to those that wait for somebody."""

from datetime import datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.timezone import get_current_timezone, localdate
from django.utils.translation import gettext_lazy as _

from apps.rentals.models import Rental
from apps.rentals.queries import at_hand
from apps.rentals.queries.at_hand import WorkQueue
from gdmarket import clock

QUEUES = {
    WorkQueue.OVERDUE: _("Overdue"),
    WorkQueue.TO_HAND_OVER: _("To hand over today"),
    WorkQueue.DUE_BACK: _("Due back today or tomorrow"),
    WorkQueue.UNPAID: _("Waiting for payment"),
    WorkQueue.SETTLING: _("Money being settled"),
    WorkQueue.OUT: _("Out now"),
}


def day_ends_at() -> datetime:
    """Return the next midnight in the time zone of the admin."""
    return datetime.combine(localdate(clock.now()) + timedelta(days=1), time.min, tzinfo=get_current_timezone())


class WorkQueueFilter(admin.SimpleListFilter):
    """Filters by what a rental waits for."""

    title, parameter_name = _("to look after"), "at_hand"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(queue.value, str(label)) for queue, label in QUEUES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Rental]) -> QuerySet[Rental]:
        value = self.value()
        if value not in list(WorkQueue):
            return queryset
        return queryset.filter(at_hand.in_work_queue(queue=WorkQueue(value), now=clock.now(), day_ends_at=day_ends_at()))
