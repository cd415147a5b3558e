"""What the relays find waiting: stories of rentals, all of them for the status view alone."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from apps.status_view.models import RentalStatus
from bench import bulk, stories
from gdmarket import bus
from gdmarket.bus.models import Delivery, Event, Subscription
from tests.unit.status_view.story import ItemTale

STUCK_LANES = ("rental:stuck-1", "rental:stuck-2")
_RENTALS_AN_ITEM = 20


class Backlog:
    """So many deliveries that wait, of rentals of items that the view knows already."""

    def __init__(self, *, deliveries: int) -> None:
        self.deliveries = deliveries
        self.items = [ItemTale() for _ in range(1 + deliveries // stories.FACTS_A_RENTAL // _RENTALS_AN_ITEM)]

    def prepare(self) -> None:
        """Let the status view be the only one that hears anything, and hear of the items."""
        Subscription.objects.exclude(subscriber=stories.SUBSCRIBER).delete()
        _add(stories.registered(item, at=datetime.now(UTC)) for item in self.items)
        bus.run_until_idle()

    def refill(self) -> None:
        """Let so many deliveries wait, and nothing else: a fresh log, and rentals that the view has not heard of."""
        bulk.empty(Delivery, Event, RentalStatus)
        self.top_up()
        bulk.settle(Delivery, Event, RentalStatus)

    def top_up(self) -> None:
        """Add whole stories until so many deliveries wait, of those that are not stuck."""
        missing = self.deliveries - waiting()
        if missing > 0:
            _add(stories.rentals(items=self.items, rentals=1 + missing // stories.FACTS_A_RENTAL))

    def __str__(self) -> str:
        """Say how much it is."""
        return f"{self.deliveries} deliveries waiting in {2 * (self.deliveries // stories.FACTS_A_RENTAL)} lanes"


def waiting() -> int:
    """Return how many deliveries wait, leaving out lanes made to be stuck."""
    return Delivery.objects.exclude(lane__in=STUCK_LANES).count()


def rate(*, seconds: float) -> float:
    """Return how many deliveries a second are done from now on, for `seconds` or until none is left."""
    began_at, began_with = time.perf_counter(), waiting()
    at, left = began_at, began_with
    while left and at - began_at < seconds:
        time.sleep(seconds / 4)  # seldom: counting costs those who are being measured
        at, left = time.perf_counter(), waiting()
    return (began_with - left) / (at - began_at)


def _add(told: Iterable[Any]) -> None:
    after_seq = stories.last_seq()
    stories.write_log(told)
    stories.write_deliveries(after_seq=after_seq, not_before=datetime.now(UTC))
