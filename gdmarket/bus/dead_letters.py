"""Dead deliveries: list, show, replay and skip them."""

import re
from collections.abc import Collection
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now

from gdmarket import clock, databases
from gdmarket.bus import delivery_ids, publishing, routing, subscriptions
from gdmarket.bus.delivery_ids import DeliveryId
from gdmarket.bus.errors import DeliveryNotDeadError, NoSuchDeliveryError
from gdmarket.bus.events import DeliverySkipped
from gdmarket.bus.models import Delivery, Event

_SHOWN = 20
_PARTICULARS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d+")


def list_dead(*, subscriber: str | None = None) -> list[dict[str, Any]]:
    """Return the dead deliveries in groups of one subscriber, event type and error, the largest group first.

    Errors that differ only in numbers and ids are one; a group has the oldest error, the count, and the ids of the first 20 deliveries.
    :raises NoSuchSubscriberError: if there is no such subscriber
    """
    groups: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    for dead in _dead(subscriber):
        for pk, of, event_type, error in dead.order_by("pk").values_list("pk", "subscriber", "event__type", "error").iterator():
            new = {"subscriber": of, "type": event_type, "error": error, "count": 0, "deliveries": []}
            group = groups.setdefault((dead.db, of, event_type, _PARTICULARS.sub("…", error)), new)
            group["count"] += 1
            group["deliveries"] += [delivery_ids.format_delivery_id(pk, using=dead.db)] if group["count"] <= _SHOWN else []
    return sorted(groups.values(), key=lambda group: (-group["count"], group["deliveries"][0]))


def get_delivery(*, delivery_id: DeliveryId) -> dict[str, Any]:
    """Return an outstanding delivery, its event, and how many deliveries wait behind it in its lane.

    :raises NoSuchDeliveryError: if it was handled, or never existed
    """
    row = _get(delivery_id)
    lane = Delivery.objects.using(delivery_ids.parse_delivery_id(delivery_id)[0]).filter(subscriber=row.subscriber, lane=row.lane)
    shown: dict[str, Any] = {name: getattr(row, name) for name in ("subscriber", "lane", "dead", "attempts", "error", "created_at")}
    event = {name: getattr(row.event, name) for name in ("type", "schema", "stream", "version", "occurred_at", "correlation", "payload")}
    behind = lane.filter(version__gt=row.version).count()
    return {"id": delivery_id, **shown, "waiting_behind": behind, "event": {"id": row.event.id, **event}}


def replay(*, deliveries: Collection[DeliveryId] | None = None, subscriber: str | None = None, dry_run: bool = False) -> int:
    """Give dead deliveries another eight attempts from now: these, or all of one subscriber, or all; return how many.

    Deliveries that are not dead are ignored.
    :raises NoSuchDeliveryError: if one of the deliveries does not exist; then nothing is changed
    :raises NoSuchSubscriberError: if there is no such subscriber
    """
    for delivery_id in deliveries or ():
        _get(delivery_id)
    count = 0
    for dead in _dead(subscriber):
        if deliveries is not None:
            named = [pk for alias, pk in map(delivery_ids.parse_delivery_id, deliveries) if alias == dead.db]
            dead = dead.filter(pk__in=named)  # noqa: PLW2901  # narrowed
        count += dead.count() if dry_run else dead.update(dead=False, attempts=0, token=None, not_before=Now(), error="")
    return count


def skip(*, delivery_id: DeliveryId, reason: str, dry_run: bool = False) -> bool:
    """Delete a dead delivery, so that its lane goes on, and publish `DeliverySkipped`. Return whether it still existed.

    With `dry_run` nothing is changed.
    :raises DeliveryNotDeadError: if it is still to be handled
    :raises NoSuchDeliveryError: if it was handled, or never existed
    """
    using, pk = delivery_ids.parse_delivery_id(delivery_id)
    stream = f"delivery:{pk}"
    with databases.TransactionScope(using=using):
        try:
            row = _get(delivery_id, lock=True)
        except NoSuchDeliveryError:
            if Event.objects.using(using).filter(stream=stream).exists():
                return False
            raise
        if not row.dead:
            raise DeliveryNotDeadError(delivery_id=delivery_id, subscriber=row.subscriber)
        if not dry_run:
            skipped = DeliverySkipped(
                delivery_id=row.pk,
                event_id=row.event.id,
                type=row.event.type,
                subscriber=row.subscriber,
                error=row.error,
                reason=reason,
                occurred_at=clock.now(),
            )
            publishing.record(skipped, stream=stream, using=using)
            row.delete()
    return True


def _dead(subscriber: str | None) -> list[QuerySet[Delivery]]:
    """Return the dead deliveries, one query per log; those of one subscriber are in its own log."""
    if subscriber is None:
        return [Delivery.objects.using(using).filter(dead=True) for using in databases.aliases()]
    subscriptions.refuse_unknown(subscriber=subscriber)
    return [Delivery.objects.using(routing.alias_of(subscriber)).filter(dead=True, subscriber=subscriber)]


def _get(delivery_id: DeliveryId, *, lock: bool = False) -> Delivery:
    using, pk = delivery_ids.parse_delivery_id(delivery_id)
    if using not in databases.aliases():
        raise NoSuchDeliveryError(delivery_id=delivery_id)
    rows = Delivery.objects.using(using).select_related("event")
    try:
        return (rows.select_for_update(of=("self",)) if lock else rows).get(pk=pk)
    except Delivery.DoesNotExist as missing:
        raise NoSuchDeliveryError(delivery_id=delivery_id) from missing
