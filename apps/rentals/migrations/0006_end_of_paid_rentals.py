"""Give every paid rental of before a timer at the end of its period; where that is past, it is delivered at once.

Until now a rental got this timer when it was handed over, so that one that was never fetched stayed paid for ever. The events have a stream
of their own, which no process of the version before writes to. Run again, this changes nothing.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import uuid5

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

_CHUNK = 1000
_TYPE = "rentals.PeriodEnded"


def schedule_ends(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Publish the timers, as the bus does."""
    alias, now = schema_editor.connection.alias, datetime.now(UTC)
    paid = apps.get_model("rentals", "Rental").objects.using(alias).filter(state="paid").order_by("id")
    rentals = list(paid[:_CHUNK])
    while rentals:
        _schedule(apps, alias, rentals, now)
        rentals = list(paid.filter(id__gt=rentals[-1].id)[:_CHUNK])


def _schedule(apps: StateApps, alias: str, rentals: Sequence[Any], now: datetime) -> None:
    events, deliveries = apps.get_model("bus", "Event"), apps.get_model("bus", "Delivery")
    due_at = {uuid5(rental.id, _TYPE): rental.ends_at for rental in rentals}
    known = set(events.objects.using(alias).filter(id__in=due_at).values_list("id", flat=True))
    new = [
        events(
            id=uuid5(rental.id, _TYPE),
            stream=f"rental-period:{rental.id}",
            version=1,
            type=_TYPE,
            schema=1,
            payload={"rental_id": str(rental.id), "due_at": _written(rental.ends_at), "occurred_at": _written(now)},
            correlation=f"migration-{uuid5(rental.id, _TYPE)}",
            causation=None,
            traceparent="",
            actor="",
            occurred_at=now,
            due_at=rental.ends_at,
        )
        for rental in rentals
        if uuid5(rental.id, _TYPE) not in known
    ]
    events.objects.using(alias).bulk_create(new)
    published = events.objects.using(alias).filter(id__in=[event.id for event in new])
    deliveries.objects.using(alias).bulk_create(
        deliveries(event=event, subscriber="rentals", lane=str(event.id), version=0, not_before=due_at[event.id]) for event in published
    )


def _written(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


class Migration(migrations.Migration):
    """The timers of what was paid before."""

    dependencies: ClassVar[list[tuple[str, str]]] = [("rentals", "0005_no_show"), ("bus", "0003_operating")]

    operations: ClassVar[list[migrations.RunPython]] = [migrations.RunPython(schedule_ends, migrations.RunPython.noop)]
