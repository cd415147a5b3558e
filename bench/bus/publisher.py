"""A process that publishes at an even rate, whatever becomes of it; started with RATE and SECONDS, it tells in JSON how it went."""

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from bench import stories
from gdmarket import bus
from tests.unit.status_view.story import ItemTale

_ITEMS = 100
_WARM_UP_S = 2.0


def main() -> None:
    """Publish facts of rentals, and tell after which of them it was warm and how many a second it came to from there on."""
    rate, seconds = float(sys.argv[1]), float(sys.argv[2])
    items = [ItemTale() for _ in range(_ITEMS)]
    for item in items:
        _publish(stories.registered(item, at=datetime.now(UTC)))
    facts = stories.rentals(items=items, rentals=1 + int(rate * (_WARM_UP_S + seconds)) // stories.FACTS_A_RENTAL)
    _publish_evenly(facts, rate=rate, seconds=_WARM_UP_S)
    warm_seq, began_at = stories.last_seq(), time.perf_counter()
    _publish_evenly(facts, rate=rate, seconds=seconds)
    spent_s = time.perf_counter() - began_at
    print(json.dumps({"warm_seq": warm_seq, "rate": (stories.last_seq() - warm_seq) / spent_s}))


def _publish_evenly(facts: Iterator[Any], *, rate: float, seconds: float) -> None:
    """Publish for so long. Who is late goes on at once: the next is due all the same."""
    began_at = time.perf_counter()
    for number, fact in enumerate(facts):
        due_at = number / rate
        early_s = due_at - (time.perf_counter() - began_at)
        if early_s > 0:
            time.sleep(early_s)
        if time.perf_counter() - began_at >= seconds:
            return
        _publish(fact)


def _publish(fact: Any) -> None:
    stream, _ = stories.stream_of(fact)
    with transaction.atomic():
        bus.publish(fact, stream=stream)
