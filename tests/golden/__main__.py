"""Make the golden files that are missing, and list new fields in those that are there; nothing that stands in a file is changed.

The values of a new file are placeholders: put in what a real event of this kind holds before it is committed.
"""

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
    return {**head, **files.signature_of(event_class), "payload": codec.encode(event_class(**values))}


def main() -> None:
    """Say which files were made or added to."""
    for event_class in files.EVENTS:
        schema = codec.schema_of(event_class)
        path = files.path_of(event_class, schema=schema)
        if not path.exists():
            files.write(event_class, _made(event_class))
            sys.stdout.write(f"made {path.name}: put realistic values into its payload\n")
        elif new := files.unlisted(event_class, golden := files.read(event_class, schema=schema)):
            golden["optional"] |= new
            files.write(event_class, golden)
            sys.stdout.write(f"listed in {path.name}: {', '.join(new)}\n")


if __name__ == "__main__":
    main()
