"""How operators name a delivery: by its primary key, and with several databases by the alias as well: `items:7`."""

from django.db import DEFAULT_DB_ALIAS

from gdmarket import databases

DeliveryId = int | str


def format_delivery_id(pk: int, *, using: str) -> DeliveryId:
    """Return the name of a delivery of a database."""
    return pk if len(databases.aliases()) == 1 else f"{using}:{pk}"


def parse_delivery_id(delivery_id: DeliveryId) -> tuple[str, int]:
    """Return the database's alias and the primary key; without an alias it is in `default`.

    :raises ValueError: if this names no delivery
    """
    using, _, pk = str(delivery_id).rpartition(":")
    return using or DEFAULT_DB_ALIAS, int(pk)
