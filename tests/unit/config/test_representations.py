"""What a row is shown as is what the OpenAPI document says: each field is there, and of its type."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from drf_spectacular.generators import SchemaGenerator

from apps.items.api.serializers import item_json
from apps.rentals.api.serializers import rental_detail_json, rental_json
from apps.rentals.models import Guest, ListingVersion, Rental
from apps.rentals.queries import Agreement
from apps.status_view.api import serializers as statuses
from apps.status_view.models import ItemStatus, RentalStatus
from gdmarket import ids
from gdmarket.rest.responses import encode
from tests.factories.items import ItemFactory

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MANAGER = ids.uuid7()
_TYPES = {"string": str, "integer": int, "number": int | float, "boolean": bool, "array": list, "object": dict, "null": type(None)}
_FORMATS = {"uuid": UUID, "date-time": datetime}


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)["components"]["schemas"]
    return found


def filled(model: Any, **columns: Any) -> dict[str, Any]:
    """Return the columns of a row in which nothing is null."""
    values = {"UUIDField": ids.uuid7(), "DateTimeField": NOON, "BooleanField": True, "JSONField": {}, "FloatField": 37.5}
    row = {
        field.attname: values.get(field.get_internal_type(), 3 if "Integer" in field.get_internal_type() else "text")
        for field in model._meta.concrete_fields
    }
    return row | columns


def rental(**columns: Any) -> dict[str, Any]:
    return filled(Rental, **{"state": "rented", "cancelled_by": "renter", "payment_state": "approved", "manager_id": MANAGER} | columns)


def version(number: int) -> ListingVersion:
    return ListingVersion(**filled(ListingVersion, version=number))


HERE: dict[str, Any] = {"origin": "https://market.example.com"}
STRANGER: dict[str, Any] = {"viewer": None, **HERE}
FREE = dict.fromkeys(("current_rental_id", "payment_id", "thumbnail"))
PHOTO = {"id": "01900000-0000-7000-8000-000000000001", "file": "a" * 32, "width": 4, "height": 3, "alt": ""}
TIMELINE = [{"fact": "RentalPaid", "at": "2026-05-01T12:00:00Z", "version": 1, "source": "rental"}]
STATUS = {"state": "rented", "timeline": TIMELINE, "cancelled_by": "renter", "payment_state": "approved", "payments": {}}
BARE = {"payment_id": None, "cancelled_by": "", "paid_at": None, "returned_at": None, "item_version": None}
GUEST = Guest(name="김철수", contact="010-1234-5678")
AGREEMENT = Agreement(agreed=version(1), current=version(2), changed=["name"])


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Rental", rental_json(rental(), now=NOON)),
        ("Rental", rental_json(rental(**BARE), now=NOON - timedelta(days=1))),
        ("RentalDetail", rental_detail_json(rental(), agreement=AGREEMENT, guest=GUEST, person_id=MANAGER, now=NOON)),
        ("RentalDetail", rental_detail_json(rental(state="requested"), agreement=AGREEMENT, guest=None, person_id=ids.uuid7(), now=NOON)),
        ("RentalStatusSchema", statuses.rental_json(filled(RentalStatus, **STATUS))),
        ("RentalStatusSchema", statuses.rental_json(filled(RentalStatus, **STATUS) | {**BARE, "cancelled_by": None})),
        (
            "ItemStatusSchema",
            statuses.item_json(filled(ItemStatus, state="listed", availability="rented", current_state="rented"), **HERE),
        ),
        (
            "ItemStatusSchema",
            statuses.item_json(
                filled(ItemStatus, state="listed", availability="available", **FREE),
                **HERE,
            ),
        ),
        ("Item", item_json(vars(ItemFactory.build(shown_latitude=1.0, shown_longitude=2.0, photos=[PHOTO])), **STRANGER)),
        (
            "FoundItem",
            item_json({**vars(ItemFactory.build(shown_latitude=None, shown_longitude=None)), "distance_m": 7}, **STRANGER),
        ),
    ],
)
def test_a_row_is_shown_as_the_document_says(schemas: dict[str, Any], name: str, shown: dict[str, Any]) -> None:
    body = msgspec.json.decode(encode(shown))

    assert_is(body, {"$ref": f"#/components/schemas/{name}"}, schemas)
    assert body.keys() == schemas[name]["properties"].keys()


def assert_is(value: Any, schema: Mapping[str, Any], schemas: dict[str, Any]) -> None:
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    choices = schema.get("oneOf") or schema.get("anyOf") or schema.get("allOf")
    if choices:
        nulls = [choice for choice in choices if choice == {"type": "null"} or choice.get("$ref", "").endswith("/NullEnum")]
        if value is not None or not nulls:
            assert_is(value, next(choice for choice in choices if choice not in nulls), schemas)
        return
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    assert isinstance(value, tuple(_TYPES[kind] for kind in kinds)), (value, schema)
    if value is None:
        return
    assert value in schema.get("enum", [value])
    if "format" in schema and schema["format"] in _FORMATS:
        msgspec.convert(value, _FORMATS[schema["format"]], strict=False)
    if isinstance(value, dict):
        assert set(schema.get("required", ())) <= value.keys() <= schema["properties"].keys()
        for name, part in value.items():
            assert_is(part, schema["properties"][name], schemas)
    for part in value if isinstance(value, list) else ():
        assert_is(part, schema["items"], schemas)
