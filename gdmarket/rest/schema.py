"""What the OpenAPI document says of every operation alike."""

from typing import Any


def add_house_rules(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:  # drf-spectacular's hook
    """Return the document with what every operation shares."""
    return result
