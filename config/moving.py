"""Move a context to another database: its rows, the events it published or handles, and its outstanding deliveries."""

from collections.abc import Callable, Iterator, Sequence
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
    """Copy a context from the database `source` to the one that its settings name; yield each table's name and how many rows were new.

    Nothing else may run meanwhile. Rows that exist in the target are left as they are, so that it can be repeated after an interruption.
    Only the context's deliveries are deleted from `source`, after they were copied: no relay would handle them there.
    """
    target = databases.alias_for(context)
    for model in apps.get_app_config(context).get_models():
        rows = model._base_manager.using(source).all()  # noqa: SLF001  # Django documents it; the default manager may hide some
        yield model._meta.db_table, _copy(rows, target, key=("pk",))  # noqa: SLF001  # Django documents it
        with connections[target].cursor() as cursor:
            for statement in connections[target].ops.sequence_reset_sql(no_style(), [model]):
                cursor.execute(statement)
    # Its own events, whose streams go on, and those it handles, which replay reads from the log beside it.
    handled = [name for subscriber, name in registry.subscriptions() if subscriber == context]
    events = Event.objects.using(source).filter(Q(type__startswith=f"{context}.") | Q(type__in=handled))
    yield "bus_event", _copy(events, target, key=("id",), adapt=_renumber)
    deliveries = Delivery.objects.using(source).filter(subscriber=context)
    yield "bus_delivery", _copy(deliveries.select_related("event"), target, key=("lane", "version", "subscriber"), adapt=_link_to_events)
    deliveries.delete()


def _copy(
    rows: models.QuerySet[Any], target: str, *, key: tuple[str, ...], adapt: Callable[[Sequence[Any], str], None] | None = None
) -> int:
    copied = 0
    existing = rows.model._base_manager.using(target)  # noqa: SLF001  # Django documents it
    page = list(rows.order_by("pk")[:_PAGE])
    while page:
        last = page[-1].pk
        with transaction.atomic(using=target):
            there = set(existing.filter(**{f"{key[0]}__in": [getattr(row, key[0]) for row in page]}).values_list(*key))
            new = [row for row in page if tuple(getattr(row, name) for name in key) not in there]
            if adapt is not None:
                adapt(new, target)
            existing.bulk_create(new)
        copied += len(new)
        page = list(rows.order_by("pk").filter(pk__gt=last)[:_PAGE])
    return copied


def _renumber(events: Sequence[Event], _target: str) -> None:
    for event in events:
        event.pk = None  # the target's log has numbers of its own


def _link_to_events(deliveries: Sequence[Delivery], target: str) -> None:
    seqs = dict(Event.objects.using(target).filter(id__in=[row.event.id for row in deliveries]).values_list("id", "seq"))
    for row in deliveries:
        row.pk, row.event_id = None, seqs[row.event.id]
