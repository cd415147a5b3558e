"""What operators do with the bus: see how far behind it is, pause and resume contexts, look after dead deliveries."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Case, Count, F, Min, Q, When
from django.db.models.functions import Now

from gdmarket import clock
from gdmarket.bus import publishing, registry
from gdmarket.bus.errors import DeliveryNotDeadError, NoSuchDeliveryError, NoSuchSubscriberError
from gdmarket.bus.events import DeliverySkipped
from gdmarket.bus.models import Delivery, Event, Subscription

_WAITING = Q(version=0, dead=False, not_before__gt=Now())
_OUTSTANDING = Q(dead=False) & ~_WAITING
_DUE_SINCE = Case(When(version=0, then=F("not_before")), default=F("event__occurred_at"))


def lag() -> dict[str, dict[str, Any]]:
    """Return for each subscriber how much it has still to handle and for how long that has waited.

    `outstanding` counts what is due, `timers` what is not due yet, `dead` what waits for an operator; `oldest_age_s` is the age of the
    oldest outstanding delivery in seconds, 0.0 where there is none.
    """
    rows = Delivery.objects.values("subscriber").annotate(
        due_count=Count("pk", filter=_OUTSTANDING),
        timer_count=Count("pk", filter=_WAITING),
        dead_count=Count("pk", filter=Q(dead=True)),
        due_since=Min(_DUE_SINCE, filter=_OUTSTANDING),
    )
    counted = rows.values_list("subscriber", "due_count", "timer_count", "dead_count", "due_since").order_by("subscriber")
    behind = {subscriber: rest for subscriber, *rest in counted}
    paused = dict(Subscription.objects.order_by("subscriber").values_list("subscriber", "paused"))
    now = clock.now()
    found: dict[str, dict[str, Any]] = {}
    for subscriber in sorted({*registry.subscribers(), *paused, *behind}):
        outstanding, timers, dead, since = behind.get(subscriber, (0, 0, 0, None))
        counts = {"outstanding": outstanding, "timers": timers, "dead": dead}
        found[subscriber] = {**counts, "oldest_age_s": _age_s(since, now), "paused": paused.get(subscriber, False)}
    return found


def pause(*, context: str) -> None:
    """Let a context's deliveries wait until it is resumed; a second time changes nothing. What it has in hand, it finishes.

    :raises NoSuchSubscriberError: if it hears nothing
    """
    _set_paused(context, paused=True)


def resume(*, context: str) -> None:
    """Let a context catch up, in order; a second time changes nothing.

    :raises NoSuchSubscriberError: if it hears nothing
    """
    _set_paused(context, paused=False)


def list_dead(*, subscriber: str | None = None) -> list[dict[str, Any]]:
    """Return the dead deliveries in groups of one subscriber, event type and error, the largest group first; ids oldest first.

    :raises NoSuchSubscriberError: if the subscriber named is none
    """
    dead = Delivery.objects.filter(dead=True).order_by("pk")
    if subscriber is not None:
        _refuse_unknown(subscriber)
        dead = dead.filter(subscriber=subscriber)
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
    shown: dict[str, Any] = {name: getattr(row, name) for name in ("id", "subscriber", "lane", "dead", "attempts", "error")}
    event = {name: getattr(row.event, name) for name in ("type", "schema", "stream", "version", "occurred_at", "correlation", "payload")}
    return {**shown, "waiting_behind": lane.filter(version__gt=row.version).count(), "event": {"id": row.event.id, **event}}


def replay(*, deliveries: Collection[int] | None = None, subscriber: str | None = None) -> int:
    """Give dead deliveries another eight attempts, from now: these, or all of one subscriber, or all; return how many.

    :raises NoSuchDeliveryError: if one that is named was handled, or never was; one that is not dead is left as it is
    :raises NoSuchSubscriberError: if the subscriber named is none
    """
    dead = Delivery.objects.filter(dead=True)
    if deliveries is not None:
        for delivery_id in deliveries:
            _get(delivery_id)
        dead = dead.filter(pk__in=deliveries)
    if subscriber is not None:
        _refuse_unknown(subscriber)
        dead = dead.filter(subscriber=subscriber)
    return dead.update(dead=False, attempts=0, token=None, not_before=Now(), error="")


def skip(*, delivery_id: int, reason: str) -> bool:
    """Give up a dead delivery, so that its lane goes on without it; `DeliverySkipped` keeps the record. Say whether it was there still.

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
        record = DeliverySkipped(
            delivery_id=delivery_id,
            event_id=row.event.id,
            type=row.event.type,
            subscriber=row.subscriber,
            error=row.error,
            reason=reason,
            occurred_at=clock.now(),
        )
        row.delete()
        publishing.publish(record, stream=stream)
    return True


def _age_s(since: datetime | None, now: datetime) -> float:
    return max(0.0, round((now - since).total_seconds(), 3)) if since else 0.0


def _set_paused(context: str, *, paused: bool) -> None:
    _refuse_unknown(context)
    Subscription.objects.filter(subscriber=context).update(paused=paused)


def _refuse_unknown(context: str) -> None:
    known = sorted(set(Subscription.objects.values_list("subscriber", flat=True)))
    if context not in known:
        raise NoSuchSubscriberError(context=context, known=", ".join(known) or "none; run `manage.py migrate`")


def _get(delivery_id: int, *, lock: bool = False) -> Delivery:
    rows = Delivery.objects.select_related("event")
    try:
        return (rows.select_for_update(of=("self",)) if lock else rows).get(pk=delivery_id)
    except Delivery.DoesNotExist as missing:
        raise NoSuchDeliveryError(delivery_id=delivery_id) from missing
