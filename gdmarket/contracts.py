"""What derives from a contract, the frozen dataclass in `apps/<context>/contracts.py` in which each public field is written once.

    class RentalPaid(RentalSnapshot): …                              # a fact inherits its snapshot and adds its particulars
    build(RentalPaid, rental, rental_id=rental.id, occurred_at=now)  # a row becomes a fact or a snapshot; name only what the row lacks
    names_of(RentalSnapshot)                                         # for `values()`, or to copy a snapshot into a row by name
    columns_of(RentalSnapshot)                                       # columns for a projection: `Model.add_to_class(name, column)`

In the API, `gdmarket.rest.contracts` gives the fields their names and serializers.
"""

from dataclasses import MISSING, fields
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, TypeVar, cast, get_args, get_type_hints
from uuid import UUID

from django.db import models

Contract = TypeVar("Contract")

_TEXT_LENGTH = 200


def build(contract: type[Contract], source: object, **given: Any) -> Contract:
    """Return a contract whose fields are `given`, or else the attributes of `source` by the same names.

    An empty text becomes None where the field may be None, and a member of an enumeration its value. A field that has a default and is
    neither given nor an attribute keeps its default.
    :raises AttributeError: if `source` lacks a field without a default
    """
    values, kind = dict(given), cast("type", contract)
    for name, (_, is_optional, has_default) in _fields_of(kind).items():
        if name in given or (has_default and not hasattr(source, name)):
            continue
        value = getattr(source, name)
        value = value.value if isinstance(value, Enum) else value
        values[name] = None if is_optional and value == "" else value
    return contract(**values)


def names_of(contract: type) -> tuple[str, ...]:
    """Return the names of a contract's fields, in their order."""
    return tuple(_fields_of(contract))


def types_of(contract: type) -> dict[str, tuple[type, bool]]:
    """Return for each field of a contract its type, without None, and whether it may be None."""
    return {name: (kind, is_optional) for name, (kind, is_optional, _) in _fields_of(contract).items()}


def columns_of(contract: type) -> "dict[str, models.Field[Any, Any]]":
    """Return a column for each field of a contract, for a projection whose rows may exist before their owner's first fact.

    Instants and ids are null until then, texts (up to 200 characters) empty, numbers 0 and flags false.
    """
    return {name: _column(kind, is_optional=is_optional) for name, (kind, is_optional) in types_of(contract).items()}


def _column(kind: type, *, is_optional: bool) -> "models.Field[Any, Any]":
    if kind is UUID:
        return models.UUIDField(null=True)
    if kind is datetime:
        return models.DateTimeField(null=True)
    blank: dict[str, Any] = {"null": True} if is_optional else {"default": kind()}
    if kind is str:
        return models.CharField(max_length=_TEXT_LENGTH, **blank)
    return {int: models.BigIntegerField, bool: models.BooleanField, float: models.FloatField}[kind](**blank)


@cache
def _fields_of(contract: Any) -> dict[str, tuple[type, bool, bool]]:
    hints = get_type_hints(contract)
    return {
        field.name: (
            next(kind for kind in (get_args(hints[field.name]) or (hints[field.name],)) if kind is not NoneType),
            NoneType in get_args(hints[field.name]),
            field.default is not MISSING or field.default_factory is not MISSING,
        )
        for field in fields(contract)
    }
