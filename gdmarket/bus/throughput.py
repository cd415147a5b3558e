"""How quickly deliveries are handled: measured between two looks, stored nowhere."""

import time
from collections import Counter
from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Count, Max

from gdmarket.bus.models import Delivery, Event, Subscription


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What stood in the tables at an instant: deliveries by subscriber, whatever their state, and the end of the log."""

    at_s: float
    deliveries: dict[str, int]
    last_seq: int
    using: str = DEFAULT_DB_ALIAS


def look(*, using: str = DEFAULT_DB_ALIAS) -> Look:
    """Count every delivery there is in a database, and note where its log ends."""
    counted = Delivery.objects.using(using).values_list("subscriber").annotate(n=Count("pk")).order_by("subscriber")
    last_seq = Event.objects.using(using).aggregate(last=Max("seq"))["last"] or 0
    return Look(at_s=time.monotonic(), deliveries=dict(counted), last_seq=last_seq, using=using)


def handled_per_s(*, before: Look, after: Look) -> dict[str, float]:
    """Return how many deliveries a second each subscriber handled between two looks: those that were there or came, and are gone.

    What is delivered anew meanwhile, or committed out of the log's order, makes it too low, but never less than 0.
    """
    elapsed_s = max(after.at_s - before.at_s, 0.001)
    created = _created(before.last_seq, after.last_seq, after.using)
    return {
        subscriber: round(
            max(0, before.deliveries.get(subscriber, 0) + created[subscriber] - after.deliveries.get(subscriber, 0)) / elapsed_s, 1
        )
        for subscriber in {*before.deliveries, *after.deliveries, *created}
    }


def _created(after_seq: int, upto_seq: int, using: str) -> Counter[str]:
    published = Event.objects.using(using).filter(seq__gt=after_seq, seq__lte=upto_seq).values_list("type")
    events = dict(published.annotate(n=Count("seq")).order_by("type"))
    created: Counter[str] = Counter()
    for subscriber, event_type in Subscription.objects.using(using).filter(type__in=events).values_list("subscriber", "type"):
        created[subscriber] += events[event_type]
    return created
