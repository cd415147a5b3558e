"""A contract's fields in the API: their names, and serializers by their types. See `gdmarket.contracts`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework import serializers

from gdmarket.contracts import names_of, types_of
from gdmarket.rest.representation import representation_of

Field = serializers.Field[Any, Any, Any, Any]

_FIELDS: dict[type, type[Field]] = {
    UUID: serializers.UUIDField,
    datetime: serializers.DateTimeField,
    str: serializers.CharField,
    int: serializers.IntegerField,
    bool: serializers.BooleanField,
    float: serializers.FloatField,
}


class PaymentSerializer(serializers.Serializer[Any]):
    """The latest attempt to pay."""

    id = serializers.UUIDField(source="payment_id")
    state = serializers.CharField(source="payment_state")


_payment = representation_of(PaymentSerializer)


def payment_json(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the latest attempt to pay, or None."""
    return None if row["payment_id"] is None else _payment(row)


def api_names(contract: type, *, key: str) -> dict[str, str]:
    """Return the API's names of a contract's fields, in their order, each with the contract's own.

    `key` is shown as `id` and `item_id` as `item`; `payment_id` and `payment_state` together are one `payment`, an object of both.
    `occurred_at` is not shown.
    """
    names = names_of(contract)
    return {
        "id" if name == key else name.removesuffix("_id"): name
        for name in names
        if name != "occurred_at" and not (name.endswith("_state") and f"{name.removesuffix('_state')}_id" in names)
    }


def serializer_fields(contract: type, *, key: str) -> dict[str, Field]:
    """Return a serializer field for each of a contract's `api_names`, by its type; an object of an id and a state is not among them."""
    types = types_of(contract)
    return {
        # A field may not name itself as its source.
        shown: _FIELDS[types[name][0]](allow_null=types[name][1], source=None if name in {shown, key} else name)
        for shown, name in api_names(contract, key=key).items()
        if f"{shown}_state" not in types
    }
