"""What was written under an older schema is read as today's; what cannot be read here is kept until it can be."""

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
from tests.unit.gdmarket.bus.kitchen import BLUE, MIDNIGHT, RED, Poured, Spilled, notes, outstanding, pour, reader

Subscriptions = Mapping[type, Sequence[Handler]]

UNKNOWN_WAIT_S = 31
FIRST = {"amount": "3 cups", "who": {"name": "민지"}, "occurred_at": "2026-01-01T00:00:00Z"}


def number_the_cups(old: dict[str, Any]) -> dict[str, Any]:
    """Be rude: change what was given."""
    old["n"] = int(old.pop("amount").split()[0])
    old["who"]["name"] += "!"
    return old


def name_the_cook(old: dict[str, Any]) -> dict[str, Any]:
    return {**old, "cook": old["who"]["name"]}


@dataclass(frozen=True, kw_only=True, slots=True)
class Cooked:
    __module__ = "apps.kitchen.events"
    SCHEMA: ClassVar[int] = 3
    UPCASTERS: ClassVar = {1: number_the_cups, 2: name_the_cook}

    n: int
    cook: str
    occurred_at: datetime = MIDNIGHT


def class_of(schema: int, *upcasters: int) -> type:
    body = {"__module__": "apps.kitchen.events", "SCHEMA": schema, "UPCASTERS": dict.fromkeys(upcasters, dict)}
    return type("Served", (), body)


def cook(*, schema: int = 3, payload: object = None) -> None:
    """Publish a meal, and let the log say that it was written so."""
    with transaction.atomic():
        bus.publish(Cooked(n=3, cook="민지!"), stream="pot:1")
    if payload is not None:
        Event.objects.filter(stream="pot:1").update(schema=schema, payload=payload)


@pytest.mark.parametrize(
    ("schema", "payload"), [(1, FIRST), (2, {"n": 3, "who": {"name": "민지!"}, "occurred_at": "2026-01-01T00:00:00Z"}), (3, None)]
)
def test_an_event_of_any_schema_is_heard_as_today_s(hear: Connect, schema: int, payload: object) -> None:
    heard: list[object] = []
    hear({Cooked: [reader(RED, heard.append)]})
    cook(schema=schema, payload=payload)

    assert bus.run_until_idle() == 1

    assert heard == [Cooked(n=3, cook="민지!")]
    assert [told.event for told in bus.history(reader="kitchen", streams=["pot:1"], types=[Cooked])] == heard


def test_reading_changes_neither_the_log_nor_what_was_read_from_it(hear: Connect) -> None:
    hear({Cooked: [reader(RED)]})
    cook(schema=1, payload=FIRST)
    (claim,) = claims.claim_lanes(subscriber=RED)

    read = [log.read(claim.event).event for _ in range(2)]

    assert read == [Cooked(n=3, cook="민지!")] * 2
    assert (claim.event.schema, claim.event.payload) == (1, FIRST)
    assert Event.objects.values_list("schema", "payload").get() == (1, FIRST)


def test_an_upcaster_that_fails_parks_its_lane_and_no_other(hear: Connect) -> None:
    hear({Cooked: [reader(RED)], Poured: [reader(RED)]})
    cook(schema=1, payload={"amount": "many"})
    with transaction.atomic():
        bus.publish(Cooked(n=4, cook="서준"), stream="pot:1")
    pour(1)

    assert bus.run_until_idle() == 1

    assert notes() == [1]
    dead = Delivery.objects.get(dead=True)
    assert dead.error.startswith("UndecodableError: event ")
    assert dead.error.endswith("kitchen.Cooked, from schema 1 to 2: ValueError: invalid literal for int() with base 10: 'many'")
    assert Event.objects.get(pk=dead.event_id).payload == {"amount": "many"}

    Event.objects.filter(pk=dead.event_id).update(payload=FIRST)
    dead_letters.replay(deliveries=[dead.pk])
    bus.run_until_idle()
    assert notes() == [1, 3, 4]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (class_of(0), r"kitchen\.Served has SCHEMA 0; schemas count from 1"),
        (class_of(2), r"kitchen\.Served has SCHEMA 2: its UPCASTERS must have the keys \[1\], not \[\]"),
        (class_of(4, 1, 3), r"kitchen\.Served has SCHEMA 4: .* \[1, 2, 3\], not \[1, 3\]"),
        (class_of(2, 1, 2), r"kitchen\.Served has SCHEMA 2: .* \[1\], not \[1, 2\]"),
    ],
)
def test_a_class_that_cannot_read_each_older_schema_is_refused_at_the_start(hear: Connect, wrong: type, told: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=told):
        registry.connect({wrong: ()})


@pytest.mark.parametrize(
    ("schema", "payload"),
    [
        *product((1, 2, 3), ([], None, {})),
        *product((3,), (["n", 1], "n", {"n": 1}, *({"n": n, "cook": "민지"} for n in ("1", True, 1.5, None)))),
        *product((0, 4, 32767), ({"n": 1, "cook": "민지"},)),
    ],
)
def test_whatever_the_log_holds_nothing_is_dropped(hear: Connect, schema: int, payload: Any) -> None:
    hear({Cooked: [reader(RED)], Poured: [reader(RED), reader(BLUE)]})
    cook(schema=schema, payload=Value(payload, JSONField()))
    pour(1)

    assert bus.run_until_idle() == 2

    assert notes(RED) == notes(BLUE) == [1]
    kept = Delivery.objects.select_related("event").get()
    assert kept.dead is (schema <= Cooked.SCHEMA)
    assert kept.error.startswith("UndecodableError: " if kept.dead else "UnknownEventError: ")
    assert (kept.event.schema, kept.event.payload) == (schema, payload)
    with pytest.raises((bus.UndecodableError, bus.UnknownEventError)):
        bus.history(reader="kitchen", streams=[kept.event.stream], types=[Cooked])


@pytest.mark.parametrize("dispatch", ["inline", "off"])
def test_what_an_old_process_does_not_know_is_handled_in_order_by_a_new_one(
    hear: Connect, wait: Callable[[float], None], settings: Any, dispatch: str
) -> None:
    old: Subscriptions = {Poured: [reader(RED), reader(BLUE)]}
    new: Subscriptions = {**old, Spilled: [reader(RED)]}
    hear(new)
    pour(1)
    with transaction.atomic():
        bus.publish(Spilled(n=2), stream="cup:1")
    registry.connect(old)

    settings.GDMARKET_DISPATCH = dispatch
    pour(3)
    pour(4, cup=2)
    assert Delivery.objects.filter(subscriber=RED, attempts=1).exists() is (dispatch == "inline")
    bus.run_until_idle()
    assert (notes(RED, cup=1), notes(BLUE, cup=1)) == ([1], [1, 3])
    assert notes(RED, cup=2) == notes(BLUE, cup=2) == [4]
    for _ in range(9):
        wait(UNKNOWN_WAIT_S)
        bus.run_until_idle()
    assert Delivery.objects.filter(dead=True).count() == 1
    assert outstanding(RED) == 2

    registry.connect(new)
    assert dead_letters.replay() == 1
    assert bus.run_until_idle() == 2
    assert notes(RED, cup=1) == [1, 2, 3]
    assert not Delivery.objects.exists()
