"""What one row of a file would do to the items of a manager."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings

from apps.items import domain, errors
from apps.items.models import Item, PickupPlace
from apps.items.services.importing import cells
from gdmarket import ids
from gdmarket.errors import DomainError
from gdmarket.sheets.reading import SheetRow
from gdmarket.text import tidy

_REQUIRED = ("name", "category", "daily_price")
_WHERE = ("place", "latitude", "longitude")
_READ = ("code", "name", "category", "description", "daily_price", "deposit")
_AT_ONCE = 500
# A sheet keeps 15 digits of a number: a place that differs by less was not changed.
_ALIKE = 1e-9


class Planner:
    """Plans the rows of one file; what is there already is read at once, not row by row."""

    def __init__(self, *, manager_id: UUID, file: UUID, columns: Mapping[str, int], rows: Sequence[SheetRow]) -> None:
        """Read the manager's items that the rows are about, and the categories and places to choose from."""
        self._file, self._columns = file, columns
        self._choices = cells.Choices(manager_id=manager_id)
        self._seen: dict[str, int] = {}
        own = Item.objects.filter(manager_id=manager_id)
        written = [self._written(row, "id") for row in rows]
        named = {UUID(text) for text in written if ids.is_id(text)} | {self._new_id(row) for row in rows}
        self._by_id = {item.id: item for page in _pages(sorted(named)) for item in own.filter(id__in=page)}
        codes = {self._written(row, "code") for row in rows} - {""}
        self._by_code = {item.code: item for page in _pages(sorted(codes)) for item in own.filter(code__in=page, withdrawn_at=None)}
        held = {item.pickup_place_id for item in [*self._by_id.values(), *self._by_code.values()] if item.pickup_place_id}
        self._held: dict[Any, str] = dict(PickupPlace.objects.filter(id__in=held).values_list("id", "name"))

    def planned(self, row: SheetRow) -> Any:
        """Return what a row would do."""
        refused: list[list[str]] = [
            [name, errors.CellUnknownError().message] for name, position in self._columns.items() if position in row.unknown
        ]
        item, item_id, is_new = None, self._new_id(row), False
        try:
            item = self._item(row)
            item_id, is_new = (item_id, True) if item is None else (item.id, False)
            is_withdrawn = item is not None and item.withdrawn_at is not None
            self._check_once(row, item_id, code="" if is_withdrawn else self._written(row, "code"))
        except DomainError as refusal:
            refused.append(["code" if isinstance(refusal, errors.CodeTakenError) else "id", refusal.message])
        details: dict[str, Any] = {}
        for name in _READ:
            _collect(refused, name, lambda name=name: details.update(self._detail(row, name, item)))
        _collect(refused, "place", lambda: details.update(self._where(row, is_new=is_new)))
        if is_new:
            missing = [name for name in _REQUIRED if name not in details and name not in {column for column, _message in refused}]
            for name in missing:
                _collect(refused, name, lambda name=name: domain.check(details={name: ""}))
        changes = [] if item is None or refused else self._changes(item, details)
        if item is not None and item.withdrawn_at is not None and changes:
            refused, changes = [["id", errors.ItemNotFoundError().message]], []
        kind = "refused" if refused else "new" if is_new else "changed" if changes else "unchanged"
        version = {} if item is None else {"version": item.version}
        name = details.get("name") or (item.name if item else self._written(row, "name"))[:100]
        if "pickup_place" in details:
            details["pickup_place"] = str(details["pickup_place"].id)
        told = {"number": row.number, "kind": kind, "id": str(item_id), "name": name, **version}
        return {**told, "details": details, "changes": changes, "errors": refused}

    def _written(self, row: SheetRow, column: str) -> str:
        position = self._columns.get(column)
        return tidy(text=row.cells[position]) if position is not None and position < len(row.cells) else ""

    def _new_id(self, row: SheetRow) -> UUID:
        return uuid5(self._file, str(row.number))

    def _item(self, row: SheetRow) -> Item | None:
        """Return the item that a row is about, or None for a new one. It may be withdrawn: a downloaded table has such items too.

        :raises ItemNotFoundError: if it names one that is not there, or is another's
        :raises CodeTakenError: if it has the code of another
        """
        by_id, code = self._written(row, "id"), self._written(row, "code")
        coded = self._by_code.get(code)
        if not by_id:
            return coded or self._by_id.get(self._new_id(row))
        item = self._by_id.get(UUID(by_id)) if ids.is_id(by_id) else None
        if item is None:
            raise errors.ItemNotFoundError
        if coded is not None and coded.id != item.id and item.withdrawn_at is None:
            raise errors.CodeTakenError(code=code)
        return item

    def _check_once(self, row: SheetRow, item_id: UUID, *, code: str) -> None:
        for key in (str(item_id), *([f"code {code}"] if code else [])):
            if self._seen.setdefault(key, row.number) != row.number:
                raise errors.RowRepeatedError(row=self._seen[key])

    def _detail(self, row: SheetRow, name: str, item: Item | None) -> dict[str, Any]:
        """Return what a cell says, or nothing if it is blank: in an item that is there it leaves things as they are."""
        written = self._written(row, name)
        if not written:
            return {}
        value: Any = written
        if name == "category":
            # An item keeps its category after nobody can choose it any more.
            is_kept = item and (written == item.category or self._choices.is_category(written=written, key=item.category_key))
            value = item.category if item and is_kept else self._choices.category(written=written).name
        elif name in {"daily_price", "deposit"}:
            value = cells.whole_amount(written=written)
        domain.check(details={name: value})
        if name == "code" and value is None:
            raise errors.BadCodeError
        return {name: value}

    def _where(self, row: SheetRow, *, is_new: bool) -> dict[str, Any]:
        """Return where a row says that the item is: at a pickup place, whatever else it says, or at a place with its degrees."""
        if named := self._written(row, "pickup_place"):
            return {"pickup_place": self._choices.place(written=named)}
        given: dict[str, Any] = {"place": self._written(row, "place")} if self._written(row, "place") else {}
        for name in ("latitude", "longitude"):
            if written := self._written(row, name):
                given[name] = cells.degrees(written=written)
        domain.check(details=given)
        if {"latitude", "longitude"} <= given.keys():
            domain.check_in_area(latitude=given["latitude"], longitude=given["longitude"], area=settings.GDMARKET_AREA)
        if (is_new and set(_WHERE) - given.keys()) or len({"latitude", "longitude"} & given.keys()) == 1:
            raise errors.PlaceMissingError
        return given

    def _changes(self, item: Item, details: dict[str, Any]) -> list[list[str]]:
        """Return what differs, from what to what, and leave in the details that alone."""
        changes = []
        for name, value in list(details.items()):
            before: Any = self._held.get(item.pickup_place_id or name, "") if name == "pickup_place" else getattr(item, name)
            if name == "pickup_place":
                is_same = item.pickup_place_id == value.id
            elif name == "category":
                is_same = self._is_category(item, value)
            else:
                is_same = abs(before - value) < _ALIKE if isinstance(value, float) else before == value
            if is_same:
                del details[name]
            else:
                changes.append([name, "" if before is None else str(before), value.name if name == "pickup_place" else str(value)])
        return changes

    def _is_category(self, item: Item, name: str) -> bool:
        return item.category == name or self._choices.category(written=name).key == item.category_key


def _collect(refused: list[list[str]], column: str, read: Any) -> None:
    """Add what is wrong with a column, once."""
    if any(column == known for known, _message in refused):
        return
    try:
        read()
    except DomainError as refusal:
        refused.append([getattr(refusal, "field", None) or column, refusal.message])


def _pages(values: Collection[Any]) -> Iterator[list[Any]]:
    listed = list(values)
    for start in range(0, len(listed), _AT_ONCE):
        yield listed[start : start + _AT_ONCE]
