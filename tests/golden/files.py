"""One file for each published event and schema: a payload as it was stored, and its fields. They are kept for ever."""

import json
from dataclasses import MISSING, fields
from datetime import datetime
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints
from uuid import UUID

from config.subscriptions import SUBSCRIPTIONS
from gdmarket.bus import codec
from gdmarket.bus.events import DeliverySkipped

EVENTS: tuple[type, ...] = (DeliverySkipped, *SUBSCRIPTIONS)
FOLDER = Path(__file__).parent / "events"
PLAIN: dict[type, str] = {kind: kind.__name__.removesuffix("Type") for kind in (UUID, datetime, str, int, float, bool, type(None))}


def path_of(event_class: type, *, schema: int) -> Path:
    """Return the path of the golden file of an event's schema."""
    return FOLDER / f"{codec.type_of(event_class)}.v{schema}.json"


def read(event_class: type, *, schema: int) -> dict[str, Any]:
    """Return a golden file: `type`, `schema`, the fields that are `required`, those that are `optional`, and a `payload`."""
    golden: dict[str, Any] = json.loads(path_of(event_class, schema=schema).read_text(encoding="utf-8"))
    return golden


def write(event_class: type, golden: dict[str, Any]) -> None:
    """Write a golden file, one value a line."""
    text = json.dumps(golden, ensure_ascii=False, indent=2) + "\n"
    path_of(event_class, schema=golden["schema"]).write_text(text, encoding="utf-8")


def signature_of(event_class: Any) -> dict[str, dict[str, str]]:
    """Return the types of an event's required fields, and of those with a default.

    :raises TypeError: if a field holds something that is not plain
    """
    hints = get_type_hints(event_class)
    signature: dict[str, dict[str, str]] = {"required": {}, "optional": {}}
    for field in fields(event_class):
        is_required = field.default is MISSING and field.default_factory is MISSING
        signature["required" if is_required else "optional"][field.name] = _named(hints[field.name])
    return signature


def breaches(event_class: type, golden: dict[str, Any]) -> list[str]:
    """Return how a class is incompatible with the golden file of its schema; a new field with a default is compatible."""
    today = signature_of(event_class)
    then, now = ({**of["required"], **of["optional"]} for of in (golden, today))
    gone = [f"{name} is gone" for name in then if name not in now]
    retyped = [f"{name} was {then[name]} and is {now[name]}" for name in then if name in now and then[name] != now[name]]
    demanded = [f"{name} has no default, and stored events may lack it" for name in today["required"] if name not in golden["required"]]
    return gone + retyped + demanded


def unlisted(event_class: type, golden: dict[str, Any]) -> dict[str, str]:
    """Return the fields with a default that are not in the golden file."""
    known = golden["required"].keys() | golden["optional"].keys()
    return {name: kind for name, kind in signature_of(event_class)["optional"].items() if name not in known}


def _named(hint: Any) -> str:
    if isinstance(hint, UnionType):
        return " | ".join(_named(part) for part in get_args(hint))
    if hint not in PLAIN:
        raise TypeError(f"an event holds plain values ({', '.join(PLAIN.values())}), not {hint}")
    return PLAIN[hint]
