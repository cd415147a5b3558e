"""Deliveries that failed for good: seeing them, trying them again, giving them up."""

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


def list_dead(*, subscriber: str | None = None) -> list[dict[str, Any]]:
    """Return the dead deliveries in groups of one subscriber, event type and error, the largest group first; ids oldest first.

    :raises NoSuchSubscriberError: if the subscriber named is none
    """
    dead = _of(Delivery.objects.filter(dead=True), subscriber).order_by("pk")
    groups: dict[tuple[str, str, str], list[int]] = {}
    for pk, *group in dead.values_list("pk", "subscriber", "event__type", "error"):
        groups.setdefault((group[0], group[1], group[2]), []).append(pk)
    found = [{"subscriber": of[0], "type": of[1], "error": of[2], "count": len(pks), "deliveries": pks} for of, pks in groups.items()]
    return sorted(found, key=lambda group: (-len(group["deliveries"]), group["deliveries"][0]))


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
    if Event.objects.filter(stream=stream).exists():
        return False
    with transaction.atomic():
        row = _get(delivery_id, lock=True)
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
