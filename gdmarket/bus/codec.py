"""Events as they are written down, and back."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import msgspec

from gdmarket.bus.errors import UndecodableError

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


def context_of(module: str) -> str:
    """Return the context a module belongs to: `items` for `apps.items.handlers`."""
    return module.split(".")[1]


def type_of(event_class: type) -> str:
    """Return the name an event class has on the wire for ever: `rentals.RentalPaid`."""
    return f"{context_of(event_class.__module__)}.{event_class.__name__}"


def schema_of(event_class: type) -> int:
    """Return the version of an event class's fields; 1 where it names none in `SCHEMA`."""
    schema: int = getattr(event_class, "SCHEMA", 1)
    return schema


def upcasters_of(event_class: type) -> Mapping[int, Upcaster]:
    """Return what an event class names in `UPCASTERS`: for each older schema, what turns its payloads into the next one's."""
    upcasters: Mapping[int, Upcaster] = getattr(event_class, "UPCASTERS", {})
    return upcasters


def encode(event: object) -> dict[str, Any]:
    """Return an event as JSON-able values."""
    payload: dict[str, Any] = msgspec.to_builtins(event)
    return payload


def decode(payload: Any, event_class: type, *, schema: int) -> Any:
    """Return the event that `payload`, written under `schema`, tells of; the payload stays as it is.

    Fields that the class does not know are ignored, so that a newer publisher may add some.
    :raises UndecodableError: if a field is missing or of another type, or an upcaster fails
    """
    try:
        return msgspec.convert(_upcast(payload, event_class, schema), event_class)
    except msgspec.ValidationError as misfit:
        raise UndecodableError(f"{type_of(event_class)}: {misfit}") from misfit


def _upcast(payload: Any, event_class: type, schema: int) -> Any:
    if schema < 1:
        raise UndecodableError(f"{type_of(event_class)} has schema {schema}; schemas count from 1")
    for step in range(schema, schema_of(event_class)):
        try:
            payload = upcasters_of(event_class)[step](deepcopy(payload))
        except Exception as failure:
            told = f"{type(failure).__name__}: {failure}"
            raise UndecodableError(f"{type_of(event_class)}, from schema {step} to {step + 1}: {told}") from failure
    return payload
