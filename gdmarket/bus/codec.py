"""Encode events for the log, and decode them."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import lru_cache
from typing import Any

import msgspec

from gdmarket.bus.errors import UndecodableError

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


def context_of(module: str) -> str:
    """Return the context a module belongs to: `items` for `apps.items.handlers`."""
    return module.split(".")[1]


def type_of(event_class: type) -> str:
    """Return the stored name of an event class, which never changes: `rentals.RentalPaid`."""
    return f"{context_of(event_class.__module__)}.{event_class.__name__}"


def schema_of(event_class: type) -> int:
    """Return the schema version of an event class: its `SCHEMA`, or 1."""
    schema: int = getattr(event_class, "SCHEMA", 1)
    return schema


def upcasters_of(event_class: type) -> Mapping[int, Upcaster]:
    """Return an event class's `UPCASTERS`: for each older schema, the function that converts its payload to the next."""
    upcasters: Mapping[int, Upcaster] = getattr(event_class, "UPCASTERS", {})
    return upcasters


def encode_json(event: object) -> str:
    """Return an event as JSON."""
    return msgspec.json.encode(event).decode()


def decode(payload: Any, event_class: type, *, schema: int) -> Any:
    """Return the event of a `payload` that was written under `schema`; the payload is not changed.

    Fields that the class does not know are ignored, so that a newer publisher may add some.
    :raises UndecodableError: if a field is missing or of another type, or an upcaster fails
    """
    try:
        return msgspec.convert(_upcast(payload, event_class, schema), event_class)
    except msgspec.ValidationError as misfit:
        raise UndecodableError(f"{type_of(event_class)}: {misfit}") from misfit


def decode_json(payload: str, event_class: type, *, schema: int) -> Any:
    """Return the event of a payload that is stored as JSON, as `decode` does; today's schema is decoded straight into its class.

    :raises UndecodableError: as `decode`, and if it is no JSON
    """
    try:
        if schema == schema_of(event_class):
            return _decoder_of(event_class).decode(payload)
        return decode(msgspec.json.decode(payload), event_class, schema=schema)
    except msgspec.DecodeError as misfit:
        raise UndecodableError(f"{type_of(event_class)}: {misfit}") from misfit


@lru_cache(maxsize=256)
def _decoder_of(event_class: type) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(event_class)


def _upcast(payload: Any, event_class: type, schema: int) -> Any:
    if schema < 1:
        raise UndecodableError(f"{type_of(event_class)} has schema {schema}; schemas count from 1")
    for step in range(schema, schema_of(event_class)):
        try:
            payload = upcasters_of(event_class)[step](deepcopy(payload))
        except Exception as failure:
            message = f"{type(failure).__name__}: {failure}"
            raise UndecodableError(f"{type_of(event_class)}, from schema {step} to {step + 1}: {message}") from failure
    return payload
