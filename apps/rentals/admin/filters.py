"""Narrowing the list of rentals to those that wait for somebody."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.rentals.models import Rental
from apps.rentals.queries.work_queues import WorkQueue, in_work_queue
from gdmarket import clock


class WorkQueueFilter(admin.SimpleListFilter):
    """Filters by what a rental waits for."""

    title, parameter_name = _("to look after"), "work_queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(queue.value, str(queue.label)) for queue in WorkQueue]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Rental]) -> QuerySet[Rental]:
        value = self.value()
        return queryset.filter(in_work_queue(queue=WorkQueue(value), now=clock.now())) if value in list(WorkQueue) else queryset
