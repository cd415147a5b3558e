"""The rules of all APIs as a Django app."""

from uuid import UUID

from django.apps import AppConfig
from django.urls import converters, register_converter


class IdConverter(converters.UUIDConverter):
    """An id in a path, in small letters or, as Apple's UUIDs print, in capitals: `<id:item_id>`."""

    regex = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

    def to_python(self, value: str) -> UUID:
        return UUID(value)


class RestConfig(AppConfig):
    """The routes' own kind of id; problem documents, idempotency keys, pages and versions need no set-up."""

    name = "gdmarket.rest"

    def ready(self) -> None:
        """Let routes have `<id:…>`."""
        register_converter(IdConverter, "id")
