"""Events as they are written down, and back."""

from typing import Any

import msgspec

from gdmarket.bus.errors import UndecodableError


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


def encode(event: object) -> dict[str, Any]:
    """Return an event as JSON-able values."""
    payload: dict[str, Any] = msgspec.to_builtins(event)
    return payload


def decode(payload: object, event_class: type) -> Any:
    """Return the event that `payload` tells of. Fields it does not know are ignored, so that a newer publisher may add some.

    :raises UndecodableError: if a field is missing or of another type
    """
    try:
        return msgspec.convert(payload, event_class, strict=False)
    except msgspec.ValidationError as misfit:
        raise UndecodableError(f"{type_of(event_class)}: {misfit}") from misfit
