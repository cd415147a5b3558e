"""Events of older schemas are read as the current one; an event that cannot be read is kept until it can be."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any, ClassVar

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import JSONField, Value

from gdmarket import bus
from gdmarket.bus import claims, dead_letters, log, registry
from gdmarket.bus.models import Delivery, Event
from gdmarket.bus.registry import Handler
from tests.unit.gdmarket.bus.conftest import Connect
from tests.unit.gdmarket.bus.sample import BLUE, MIDNIGHT, RED, Added, Removed, add, handled, handler_of, outstanding

Subscriptions = Mapping[type, Sequence[Handler]]

UNKNOWN_WAIT_S = 31
FIRST = {"amount": "3 pieces", "who": {"name": "민지"}, "occurred_at": "2026-01-01T00:00:00Z"}


def parse_amount(old: dict[str, Any]) -> dict[str, Any]:
    """Change the argument in place, as no upcaster should."""
    old["n"] = int(old.pop("amount").split()[0])
    old["who"]["name"] += "!"
    return old


def flatten_customer(old: dict[str, Any]) -> dict[str, Any]:
    return {**old, "customer": old["who"]["name"]}


@dataclass(frozen=True, kw_only=True, slots=True)
class Ordered:
    __module__ = "apps.sample.events"
    SCHEMA: ClassVar[int] = 3
    UPCASTERS: ClassVar = {1: parse_amount, 2: flatten_customer}

    n: int
    customer: str
    occurred_at: datetime = MIDNIGHT


def class_of(schema: int, *upcasters: int) -> type:
    body = {"__module__": "apps.sample.events", "SCHEMA": schema, "UPCASTERS": dict.fromkeys(upcasters, dict)}
    return type("Misdeclared", (), body)


def order(*, schema: int = 3, payload: object = None) -> None:
    """Publish an order, and overwrite its schema and payload in the log."""
    with transaction.atomic():
        bus.publish(Ordered(n=3, customer="민지!"), stream="order:1")
    if payload is not None:
        Event.objects.filter(stream="order:1").update(schema=schema, payload=payload)


@pytest.mark.parametrize(
    ("schema", "payload"), [(1, FIRST), (2, {"n": 3, "who": {"name": "민지!"}, "occurred_at": "2026-01-01T00:00:00Z"}), (3, None)]
)
def test_an_event_of_any_schema_is_handled_as_the_current_one(connect: Connect, schema: int, payload: object) -> None:
    seen: list[object] = []
    connect({Ordered: [handler_of(RED, seen.append)]})
    order(schema=schema, payload=payload)

    assert bus.run_until_idle() == 1

    assert seen == [Ordered(n=3, customer="민지!")]
    assert [row.event for row in bus.history(reader=RED, streams=["order:1"])] == seen


def test_reading_changes_neither_the_log_nor_the_row(connect: Connect) -> None:
    connect({Ordered: [handler_of(RED)]})
    order(schema=1, payload=FIRST)
    (claim,) = claims.claim_lanes(subscriber=RED)

    read = [log.read(claim.event).event for _ in range(2)]

    assert read == [Ordered(n=3, customer="민지!")] * 2
    assert (claim.event.schema, claim.event.payload) == (1, FIRST)
    assert Event.objects.values_list("schema", "payload").get() == (1, FIRST)


def test_an_upcaster_that_fails_blocks_its_lane_and_no_other(connect: Connect) -> None:
    connect({Ordered: [handler_of(RED)], Added: [handler_of(RED)]})
    order(schema=1, payload={"amount": "many"})
    with transaction.atomic():
        bus.publish(Ordered(n=4, customer="서준"), stream="order:1")
    add(1)

    assert bus.run_until_idle() == 1

    assert handled() == [1]
    dead = Delivery.objects.get(dead=True)
    assert dead.error.startswith("UndecodableError: event ")
    assert dead.error.endswith("sample.Ordered, from schema 1 to 2: ValueError: invalid literal for int() with base 10: 'many'")
    assert Event.objects.get(pk=dead.event_id).payload == {"amount": "many"}

    Event.objects.filter(pk=dead.event_id).update(payload=FIRST)
    dead_letters.replay(deliveries=[dead.pk])
    bus.run_until_idle()
    assert handled() == [1, 3, 4]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (class_of(0), r"sample\.Misdeclared has SCHEMA 0; schemas count from 1"),
        (class_of(2), r"sample\.Misdeclared has SCHEMA 2: its UPCASTERS must have the keys \[1\], not \[\]"),
        (class_of(4, 1, 3), r"sample\.Misdeclared has SCHEMA 4: .* \[1, 2, 3\], not \[1, 3\]"),
        (class_of(2, 1, 2), r"sample\.Misdeclared has SCHEMA 2: .* \[1\], not \[1, 2\]"),
    ],
)
def test_a_class_that_cannot_read_each_older_schema_is_refused_at_the_start(connect: Connect, wrong: type, message: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=message):
        registry.connect({wrong: ()})


@pytest.mark.parametrize(
    ("schema", "payload"),
    [
        *product((1, 2, 3), ([], None, {})),
        *product((3,), (["n", 1], "n", {"n": 1}, *({"n": n, "customer": "민지"} for n in ("1", True, 1.5, None)))),
        *product((0, 4, 32767), ({"n": 1, "customer": "민지"},)),
    ],
)
def test_whatever_the_log_contains_nothing_is_dropped(connect: Connect, schema: int, payload: Any) -> None:
    connect({Ordered: [handler_of(RED)], Added: [handler_of(RED), handler_of(BLUE)]})
    order(schema=schema, payload=Value(payload, JSONField()))
    add(1)

    assert bus.run_until_idle() == 2

    assert handled(RED) == handled(BLUE) == [1]
    kept = Delivery.objects.select_related("event").get()
    assert kept.dead is (schema <= Ordered.SCHEMA)
    assert kept.error.startswith("UndecodableError: " if kept.dead else "UnknownEventError: ")
    assert (kept.event.schema, kept.event.payload) == (schema, payload)
    with pytest.raises((bus.UndecodableError, bus.UnknownEventError)):
        bus.history(reader=RED, streams=[kept.event.stream])


@pytest.mark.parametrize("dispatch", ["inline", "off"])
def test_an_event_unknown_to_an_old_process_is_handled_in_order_by_a_new_one(
    connect: Connect, pass_time: Callable[[float], None], settings: Any, dispatch: str
) -> None:
    old: Subscriptions = {Added: [handler_of(RED), handler_of(BLUE)]}
    new: Subscriptions = {**old, Removed: [handler_of(RED)]}
    connect(new)
    add(1)
    with transaction.atomic():
        bus.publish(Removed(n=2), stream="counter:1")
    registry.connect(old)

    settings.GDMARKET_DISPATCH = dispatch
    add(3)
    add(4, counter=2)
    assert Delivery.objects.filter(subscriber=RED, attempts=1).exists() is (dispatch == "inline")
    bus.run_until_idle()
    assert (handled(RED, counter=1), handled(BLUE, counter=1)) == ([1], [1, 3])
    assert handled(RED, counter=2) == handled(BLUE, counter=2) == [4]
    for _ in range(9):
        pass_time(UNKNOWN_WAIT_S)
        bus.run_until_idle()
    assert Delivery.objects.filter(dead=True).count() == 1
    assert outstanding(RED) == 2

    registry.connect(new)
    assert dead_letters.replay() == 1
    assert bus.run_until_idle() == 2
    assert handled(RED, counter=1) == [1, 2, 3]
    assert not Delivery.objects.exists()
