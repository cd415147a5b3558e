"""Importing items from a table: plan what each row would do, then do it through the services, which publish the facts.

A plan is plain data, so that it can be kept between the two. It names the version of each item that it changes: what was changed
meanwhile is refused. A new item's id follows from the manager, the file and the row, so that a file that is imported again registers
nothing twice.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NotRequired, TypedDict
from uuid import UUID, uuid5

from apps.items import services
from apps.items.errors import ColumnRepeatedError, ColumnsMissingError, ImportRefusedError
from apps.items.queries import tables
from apps.items.services.importing import cells
from apps.items.services.importing.rows import Planner
from gdmarket import databases
from gdmarket.errors import DomainError
from gdmarket.sheets.reading import SheetRow

NEW, CHANGED, UNCHANGED, REFUSED = "new", "changed", "unchanged", "refused"
DONE = (NEW, CHANGED)
KINDS = (NEW, CHANGED, UNCHANGED, REFUSED)
_FILES = UUID("6f1d3f0e-7d2c-5b0e-9a55-1f6f6b1c9d11")  # the namespace of the ids that files give
_OF_ITEMS = ("id", "code", "name")


class PlannedRow(TypedDict):
    """What a row of the file would do: `changes` are `[column, before, after]`, `errors` `[column, message]`, `details` are written."""

    number: int
    kind: str
    id: str
    name: str
    version: NotRequired[int]
    details: dict[str, Any]
    changes: list[list[str]]
    errors: list[list[str]]


class Plan(TypedDict):
    """What a file would do, and the headings of the columns that are left out."""

    left_out: list[str]
    rows: list[PlannedRow]


def plan_import(*, table: Sequence[SheetRow], raw: bytes, manager_id: UUID) -> Plan:
    """Return what the rows of a table, as it was read from `raw`, would do to a manager's items. Nothing is changed.

    :raises ColumnsMissingError: if no column tells which items
    :raises ColumnRepeatedError: if a column is there twice
    """
    columns, left_out, repeated = cells.columns_of(headings=table[0].cells, known=tables.HEADINGS)
    if repeated is not None:
        raise ColumnRepeatedError(column=repeated)
    if not set(_OF_ITEMS) & columns.keys():
        raise ColumnsMissingError(columns=", ".join(_OF_ITEMS))
    file = uuid5(_FILES, f"{manager_id}:{sha256(raw).hexdigest()}")
    planner = Planner(manager_id=manager_id, file=file, columns=columns, rows=table[1:])
    return {"left_out": left_out, "rows": [planner.planned(row) for row in table[1:]]}


def import_rows(*, rows: Sequence[PlannedRow], manager_id: UUID, now: datetime) -> Iterator[tuple[PlannedRow, DomainError | None]]:
    """Do what each row would, each in a transaction or savepoint of its own; yield each row with the refusal, if there was one.

    A new row whose item is there by now, as the file was imported meanwhile, becomes an unchanged one.
    """
    for row in rows:
        refusal = None
        try:
            if row["kind"] in _DO:
                with databases.transaction_for("items", savepoint=True):
                    _DO[row["kind"]](row, manager_id, now)
        except DomainError as refused:
            refusal = refused
        yield row, refusal


def import_all(*, rows: Sequence[PlannedRow], manager_id: UUID, now: datetime, done: Callable[[int], None] = lambda _count: None) -> None:
    """Do what all rows would, in one transaction, or nothing; tells `done` how many rows were.

    :raises ImportRefusedError: if one was refused, now or when it was planned
    """
    for row in rows:
        if row["kind"] == REFUSED:
            raise ImportRefusedError(row=row["number"], reason=row["errors"][0][1])
    with databases.transaction_for("items"):
        for count, (row, refusal) in enumerate(import_rows(rows=rows, manager_id=manager_id, now=now), 1):
            if refusal is not None:
                raise ImportRefusedError(row=row["number"], reason=refusal.message) from refusal
            done(count)


def _register(row: PlannedRow, manager_id: UUID, now: datetime) -> None:
    item = services.register_item(item_id=UUID(row["id"]), manager_id=manager_id, now=now, **_details(row))
    if item.registered_at != now:
        row["kind"] = UNCHANGED


def _revise(row: PlannedRow, manager_id: UUID, now: datetime) -> None:
    services.revise_item(item_id=UUID(row["id"]), by=manager_id, expected_version=row["version"], now=now, **_details(row))


def _details(row: PlannedRow) -> Any:
    place = row["details"].get("pickup_place")
    return {**row["details"], **({"pickup_place": UUID(place)} if place else {})}


_DO: Mapping[str, Callable[[PlannedRow, UUID, datetime], None]] = {NEW: _register, CHANGED: _revise}
