"""Deliveries that failed for good: seeing them, trying them again, giving them up."""

import re
from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from gdmarket import clock
from gdmarket.bus import publishing, subscriptions
from gdmarket.bus.errors import DeliveryNotDeadError, NoSuchDeliveryError
from gdmarket.bus.events import DeliverySkipped
from gdmarket.bus.models import Delivery, Event

_SHOWN = 20
_PARTICULARS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d+")


def list_dead(*, subscriber: str | None = None) -> list[dict[str, Any]]:
    """Return the dead deliveries in groups of one subscriber, event type and error, the largest group first.

    Errors are one where they differ in numbers and ids alone; a group shows the oldest's, how many there are, and the ids of the first 20.
    :raises NoSuchSubscriberError: if the subscriber named is none
    """
    dead = _of(Delivery.objects.filter(dead=True), subscriber).order_by("pk")
    groups: dict[tuple[str, str, str], dict[str, Any]] = {}
    for pk, of, event_type, error in dead.values_list("pk", "subscriber", "event__type", "error").iterator():
        new = {"subscriber": of, "type": event_type, "error": error, "count": 0, "deliveries": []}
        group = groups.setdefault((of, event_type, _PARTICULARS.sub("…", error)), new)
        group["count"] += 1
        group["deliveries"] += [pk] if group["count"] <= _SHOWN else []
    return sorted(groups.values(), key=lambda group: (-group["count"], group["deliveries"][0]))


def get_delivery(*, delivery_id: int) -> dict[str, Any]:
    """Return an outstanding delivery with its event, and how many wait behind it in its lane.

    :raises NoSuchDeliveryError: if it was handled, or never was
    """
    row = _get(delivery_id)
    lane = Delivery.objects.filter(subscriber=row.subscriber, lane=row.lane)
    shown: dict[str, Any] = {name: getattr(row, name) for name in ("id", "subscriber", "lane", "dead", "attempts", "error", "created_at")}
    event = {name: getattr(row.event, name) for name in ("type", "schema", "stream", "version", "occurred_at", "correlation", "payload")}
    return {**shown, "waiting_behind": lane.filter(version__gt=row.version).count(), "event": {"id": row.event.id, **event}}


def replay(*, deliveries: Collection[int] | None = None, subscriber: str | None = None, dry_run: bool = False) -> int:
    """Give dead deliveries another eight attempts, from now: these, or all of one subscriber, or all; return how many.

    With `dry_run` only say how many it would be.
    :raises NoSuchDeliveryError: if one that is named was handled, or never was; one that is not dead is left as it is
    :raises NoSuchSubscriberError: if the subscriber named is none
    """
    dead = _of(Delivery.objects.filter(dead=True), subscriber)
    if deliveries is not None:
        for delivery_id in deliveries:
            _get(delivery_id)
        dead = dead.filter(pk__in=deliveries)
    if dry_run:
        return dead.count()
    return dead.update(dead=False, attempts=0, token=None, not_before=Now(), error="")


def skip(*, delivery_id: int, reason: str, dry_run: bool = False) -> bool:
    """Give up a dead delivery, so that its lane goes on without it; `DeliverySkipped` keeps the record. Say whether it was there still.

    With `dry_run` nothing is changed.
    :raises DeliveryNotDeadError: if it is still to be handled
    :raises NoSuchDeliveryError: if it was handled, or never was
    """
    stream = f"delivery:{delivery_id}"
    with transaction.atomic():
        try:
            row = _get(delivery_id, lock=True)
        except NoSuchDeliveryError:
            if Event.objects.filter(stream=stream).exists():
                return False
            raise
        if not row.dead:
            raise DeliveryNotDeadError(delivery_id=delivery_id, subscriber=row.subscriber)
        if not dry_run:
            publishing.publish(_record_of(row, reason), stream=stream)
            row.delete()
    return True


def _record_of(row: Delivery, reason: str) -> DeliverySkipped:
    return DeliverySkipped(
        delivery_id=row.pk,
        event_id=row.event.id,
        type=row.event.type,
        subscriber=row.subscriber,
        error=row.error,
        reason=reason,
        occurred_at=clock.now(),
    )


def _of(deliveries: QuerySet[Delivery], subscriber: str | None) -> QuerySet[Delivery]:
    if subscriber is None:
        return deliveries
    subscriptions.refuse_unknown(subscriber=subscriber)
    return deliveries.filter(subscriber=subscriber)


def _get(delivery_id: int, *, lock: bool = False) -> Delivery:
    rows = Delivery.objects.select_related("event")
    try:
        return (rows.select_for_update(of=("self",)) if lock else rows).get(pk=delivery_id)
    except Delivery.DoesNotExist as missing:
        raise NoSuchDeliveryError(delivery_id=delivery_id) from missing
