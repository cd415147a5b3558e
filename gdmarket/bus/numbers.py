"""How operators call a delivery: by its number, and where there are several databases, by its own before that: `items:7`."""

from collections.abc import Collection

from django.db import DEFAULT_DB_ALIAS

from gdmarket import databases

Number = int | str


def number_of(pk: int, *, using: str) -> Number:
    """Return what a delivery of a database is called."""
    return pk if len(databases.aliases()) == 1 else f"{using}:{pk}"


def place_of(number: Number) -> tuple[str, int]:
    """Return the database's alias, and the number there; without a database's name it is in `default`.

    :raises ValueError: if that is nothing a delivery is called
    """
    using, _, pk = str(number).rpartition(":")
    return using or DEFAULT_DB_ALIAS, int(pk)


def among(numbers: Collection[Number], *, using: str) -> list[int]:
    """Return the numbers of those that are in one database."""
    return [pk for there, pk in map(place_of, numbers) if there == using]
