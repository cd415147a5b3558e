"""Create missing golden files, and add new fields to the others; existing values are not changed.

The values of a new file are placeholders: replace them with those of a real event before you commit it.
"""

import json
import os
import sys
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, get_args, get_type_hints
from uuid import UUID

import django

os.environ.setdefault("GDMARKET_SECRET_KEY", "unused")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from gdmarket.bus import codec  # noqa: E402  # Django comes first
from tests.golden import files  # noqa: E402  # the same

_SAMPLES: dict[type, Any] = {
    UUID: UUID("01900000-0000-7000-8000-000000000001"),
    datetime: datetime(2026, 7, 1, 9, tzinfo=UTC),
    str: "전동 드릴",
    int: 1,
    float: 1.5,
    bool: True,
}


def _made(event_class: Any) -> dict[str, Any]:
    hints = get_type_hints(event_class)
    values = {field.name: _SAMPLES[(get_args(hints[field.name]) or (hints[field.name],))[0]] for field in fields(event_class)}
    head = {"type": codec.type_of(event_class), "schema": codec.schema_of(event_class)}
    return {**head, **files.signature_of(event_class), "payload": json.loads(codec.encode_json(event_class(**values)))}


def main() -> None:
    """Create and extend the files, and print which."""
    for event_class in files.EVENTS:
        schema = codec.schema_of(event_class)
        path = files.path_of(event_class, schema=schema)
        if not path.exists():
            files.write(event_class, _made(event_class))
            sys.stdout.write(f"created {path.name}: put realistic values into its payload\n")
        elif new := files.unlisted(event_class, golden := files.read(event_class, schema=schema)):
            golden["optional"] |= new
            files.write(event_class, golden)
            sys.stdout.write(f"added to {path.name}: {', '.join(new)}\n")


if __name__ == "__main__":
    main()
