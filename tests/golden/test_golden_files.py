"""Every event that was ever published stays readable, with every field."""

import json
from dataclasses import MISSING, field, fields, make_dataclass
from datetime import datetime
from typing import Any, get_type_hints
from uuid import UUID

import pytest

from apps.rentals.events import RentalPaid
from gdmarket.bus import codec, registry
from tests.golden import files

MAKE = "run `.venv/bin/python -m tests.golden` and review the result"
KEEP = (
    "Stored events of this schema would be unreadable, or lose fields. Give a new field a default; for anything else raise SCHEMA, add an "
    f"upcaster to UPCASTERS, and {MAKE}: CONTRIBUTING.md, 'An event'."
)
SCHEMAS = [(event_class, schema) for event_class in files.EVENTS for schema in range(1, codec.schema_of(event_class) + 1)]


def _title(value: Any) -> str:
    return codec.type_of(value) if isinstance(value, type) else f"v{value}"


each_event = pytest.mark.parametrize("event_class", files.EVENTS, ids=_title)
each_schema = pytest.mark.parametrize(("event_class", "schema"), SCHEMAS, ids=_title)


def _exact(payload: object) -> str:
    return json.dumps(payload, sort_keys=True)


def _changed(*, without: str = "", schema: int = 1, upcasters: Any = None, **hints: Any) -> type:
    """Return `RentalPaid` as it might be tomorrow: without a field, with other types, with more fields."""
    types = get_type_hints(RentalPaid)
    old = {f.name: types[f.name] if f.default is MISSING else (types[f.name], f.default) for f in fields(RentalPaid) if f.name != without}
    namespace = {"__module__": RentalPaid.__module__, "SCHEMA": schema, "UPCASTERS": upcasters or {}}
    columns: list[Any] = [(name, *hint) if isinstance(hint, tuple) else (name, hint) for name, hint in {**old, **hints}.items()]
    return make_dataclass("RentalPaid", columns, frozen=True, kw_only=True, slots=True, namespace=namespace)


def test_every_event_schema_has_a_golden_file_and_every_file_an_event() -> None:
    wanted = {files.path_of(event_class, schema=schema).name for event_class, schema in SCHEMAS}
    found = {path.name for path in files.FOLDER.iterdir()}

    assert wanted - found == set(), f"A new event or schema: {MAKE}. Restore those of older schemas from the repository's history."
    assert found - wanted == set(), "Logs contain events of these names and schemas: they must not be removed, renamed or moved."


@each_schema
def test_a_stored_event_is_read_as_the_current_class(event_class: type, schema: int) -> None:
    golden = files.read(event_class, schema=schema)
    assert (golden["type"], golden["schema"]) == (codec.type_of(event_class), schema)

    event = codec.decode(golden["payload"], registry.event_class(name=golden["type"], schema=schema), schema=schema)

    assert type(event) is event_class
    assert golden == files.read(event_class, schema=schema)


@each_event
def test_an_event_is_still_written_as_it_was_stored(event_class: type) -> None:
    golden = files.read(event_class, schema=codec.schema_of(event_class))
    payload = golden["payload"]

    written = json.loads(codec.encode_json(codec.decode(payload, event_class, schema=golden["schema"])))

    assert _exact({name: value for name, value in written.items() if name in payload}) == _exact(payload)
    assert written.keys() - payload.keys() <= files.signature_of(event_class)["optional"].keys()


@each_event
def test_an_event_keeps_every_field_and_its_type(event_class: type) -> None:
    golden = files.read(event_class, schema=codec.schema_of(event_class))

    assert files.breaches(event_class, golden) == [], KEEP


@each_event
def test_a_golden_file_lists_every_field(event_class: type) -> None:
    golden = files.read(event_class, schema=codec.schema_of(event_class))

    assert files.unlisted(event_class, golden) == {}, f"New fields: {MAKE}."
    assert golden["payload"].keys() <= golden["required"].keys() | golden["optional"].keys()
    assert golden["payload"].keys() >= golden["required"].keys()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"without": "price"}, ["price is gone"]),
        ({"without": "price", "cost": int}, ["price is gone", "cost has no default, and stored events may lack it"]),
        ({"price": float}, ["price was int and is float"]),
        ({"payment_id": UUID}, ["payment_id was UUID | None and is UUID"]),
        ({"rental_id": UUID | None}, ["rental_id was UUID and is UUID | None"]),
        ({"note": (str, "")}, []),
        ({"note": (str, field(default_factory=str))}, []),
        ({"price": (int, 0)}, []),
        ({}, []),
    ],
)
def test_an_incompatible_change_is_found(change: dict[str, Any], found: list[str]) -> None:
    assert files.breaches(_changed(**change), files.read(RentalPaid, schema=1)) == found


def test_an_added_field_cannot_be_removed_or_made_required() -> None:
    golden, richer = files.read(RentalPaid, schema=1), _changed(note=(str, ""))
    assert files.unlisted(richer, golden) == {"note": "str"}
    golden["optional"] |= files.unlisted(richer, golden)

    assert files.breaches(richer, golden) == []
    assert files.breaches(RentalPaid, golden) == ["note is gone"]
    assert files.breaches(_changed(note=str), golden) == ["note has no default, and stored events may lack it"]


def test_a_golden_file_of_an_older_schema_is_read_through_the_upcaster() -> None:
    golden = files.read(RentalPaid, schema=1)
    newer = _changed(without="price", cost=int, schema=2, upcasters={1: lambda old: {**old, "cost": old["price"]}})

    assert codec.decode(golden["payload"], newer, schema=1).cost == golden["payload"]["price"]


@pytest.mark.parametrize("kind", [dict, list[str], object, datetime | object])
def test_an_event_holds_plain_values_only(kind: Any) -> None:
    with pytest.raises(TypeError, match="plain"):
        files.signature_of(_changed(note=kind))
