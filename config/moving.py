"""Taking a context over into a database of its own: its rows, the events of its own and those it heard, and what it has still to handle."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.core.management.color import no_style
from django.db import connections, models, transaction
from django.db.models import Q

from gdmarket import databases
from gdmarket.bus import registry
from gdmarket.bus.models import Delivery, Event

_PAGE = 500


def move(*, context: str, source: str) -> Iterator[tuple[str, int]]:
    """Copy a context from the database `source` to where it is at home now; yield each table's name and how many rows were new there.

    Nothing else may run meanwhile. What is there already is left as it is, so that it may be stopped and repeated. Where it
    came from only what it has still to handle goes, once it is here.
    """
    target = databases.alias_for(context)
    for model in apps.get_app_config(context).get_models():
        yield model._meta.db_table, _copy(model, _rows_of(model).using(source), target)  # noqa: SLF001  # Django documents it
    # What it published, whose streams go on; and what it heard, which it may ask the log beside it for.
    heard = [name for subscriber, name in registry.subscriptions() if subscriber == context]
    known = Event.objects.using(source).filter(Q(type__startswith=f"{context}.") | Q(type__in=heard))
    to_handle = Delivery.objects.using(source).filter(subscriber=context)
    yield "bus_event", _copy_events(known, target)
    yield "bus_delivery", _copy_deliveries(to_handle.select_related("event"), target)


def _rows_of(model: type[models.Model]) -> models.Manager[Any]:
    # Not the default manager, which may hide some.
    manager: models.Manager[Any] = model._base_manager  # noqa: SLF001  # Django documents it
    return manager


def _copy(model: type[models.Model], rows: models.QuerySet[Any], target: str) -> int:
    copied = 0
    for page in _pages(rows):
        with transaction.atomic(using=target):
            there = set(_rows_of(model).using(target).filter(pk__in=[row.pk for row in page]).values_list("pk", flat=True))
            new = [row for row in page if row.pk not in there]
            _rows_of(model).using(target).bulk_create(new)
            copied += len(new)
    with connections[target].cursor() as cursor:
        for statement in connections[target].ops.sequence_reset_sql(no_style(), [model]):
            cursor.execute(statement)
    return copied


def _copy_events(events: models.QuerySet[Event], target: str) -> int:
    copied = 0
    for page in _pages(events):
        with transaction.atomic(using=target):
            there = set(Event.objects.using(target).filter(id__in=[event.id for event in page]).values_list("id", flat=True))
            new = [event for event in page if event.id not in there]
            for event in new:
                event.pk = None  # the log there counts for itself
            Event.objects.using(target).bulk_create(new)
            copied += len(new)
    return copied


def _copy_deliveries(deliveries: models.QuerySet[Delivery], target: str) -> int:
    copied = 0
    for page in _pages(deliveries):
        with transaction.atomic(using=target):
            seqs = dict(Event.objects.using(target).filter(id__in=[row.event.id for row in page]).values_list("id", "seq"))
            here = Delivery.objects.using(target).filter(subscriber=page[0].subscriber, lane__in=[row.lane for row in page])
            there = set(here.values_list("lane", "version"))
            new = [row for row in page if (row.lane, row.version) not in there]
            taken = [row.pk for row in page]
            for row in new:
                row.pk, row.event_id = None, seqs[row.event.id]
            Delivery.objects.using(target).bulk_create(new)
            copied += len(new)
        # Committed there, and nobody's here any more: they would stay for ever, and keep their events from being purged.
        Delivery.objects.using(deliveries.db).filter(pk__in=taken).delete()
    return copied


def _pages(rows: models.QuerySet[Any]) -> Iterator[Sequence[Any]]:
    in_order = rows.order_by("pk")
    page = list(in_order[:_PAGE])
    while page:
        last = page[-1].pk
        yield page
        page = list(in_order.filter(pk__gt=last)[:_PAGE])
