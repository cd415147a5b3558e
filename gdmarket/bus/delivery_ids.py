"""How operators call a delivery: by its number, and where there are several databases, by its own before that: `items:7`."""

from collections.abc import Collection

from django.db import DEFAULT_DB_ALIAS

from gdmarket import databases

DeliveryId = int | str


def format_delivery_id(pk: int, *, using: str) -> DeliveryId:
    """Return what a delivery of a database is called."""
    return pk if len(databases.aliases()) == 1 else f"{using}:{pk}"


def parse_delivery_id(delivery_id: DeliveryId) -> tuple[str, int]:
    """Return the database's alias, and the number there; without a database's name it is in `default`.

    :raises ValueError: if that is nothing a delivery is called
    """
    using, _, pk = str(delivery_id).rpartition(":")
    return using or DEFAULT_DB_ALIAS, int(pk)


def primary_keys_in(delivery_ids: Collection[DeliveryId], *, using: str) -> list[int]:
    """Return the numbers of those that are in one database."""
    return [pk for there, pk in map(parse_delivery_id, delivery_ids) if there == using]
