"""The rules of all APIs as a Django app."""

from uuid import UUID

from django.apps import AppConfig
from django.urls import converters, register_converter

from gdmarket import ids


class IdConverter(converters.UUIDConverter):
    """An id in a path, `<id:item_id>`, written in every way that `gdmarket.ids.is_id` takes."""

    regex = ids.WRITTEN

    def to_python(self, value: str) -> UUID:
        return UUID(value)


class RestConfig(AppConfig):
    """The routes' own kind of id; problem documents, idempotency keys, pages and versions need no set-up."""

    name = "gdmarket.rest"

    def ready(self) -> None:
        """Let routes have `<id:…>`."""
        register_converter(IdConverter, "id")
