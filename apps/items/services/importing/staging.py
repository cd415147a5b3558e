"""Imports in two steps: a manager sees what a file would do, then lets it be done, part by part."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from apps.items.errors import ImportNotFoundError, ImportRefusedError, ImportTooLongError
from apps.items.models.imports import ItemImport, ItemImportPart
from apps.items.queries import imports
from apps.items.services import importing
from apps.items.services.importing import REFUSED, Plan, PlannedRow
from gdmarket import databases, ids

PART = 100
"""How many rows are imported in one transaction."""
MOST_WHOLE = 1_000
"""How many rows are imported all or nothing: on SQLite other writers wait as long as that takes, 2 ms a row."""
_KEPT = 5


def keep_plan(*, plan: Plan, file_name: str, manager_id: UUID, now: datetime) -> ItemImport:
    """Keep what a file would do; of a manager's earlier files the newest few are kept."""
    rows = plan["rows"]
    parts = [rows[start : start + PART] for start in range(0, len(rows), PART)]
    with databases.transaction_for("items"):
        own = imports.list_imports(manager_id=manager_id)
        ItemImport.objects.filter(id__in=list(own.values_list("id", flat=True)[_KEPT - 1 :])).delete()
        kept = ItemImport.objects.create(
            id=ids.uuid7(), manager_id=manager_id, file_name=file_name[-100:], left_out=plan["left_out"], total=len(rows), created_at=now
        )
        ItemImportPart.objects.bulk_create(
            [ItemImportPart(item_import=kept, number=number, rows=part, counts=_counts(part)) for number, part in enumerate(parts, 1)],
            batch_size=20,
        )
    return kept


def get_import(*, import_id: UUID, manager_id: UUID) -> ItemImport:
    """Return a manager's import.

    :raises ImportNotFoundError: if there is none, or it is another's
    """
    found = ItemImport.objects.filter(id=import_id, manager_id=manager_id).first()
    if found is None:
        raise ImportNotFoundError
    return found


def count_rows(*, import_id: UUID) -> tuple[Counter[str], int]:
    """Return how many rows are of which kind, and how many were imported, refused ones among them."""
    counts: Counter[str] = Counter()
    done = 0
    for part_counts, is_done in imports.list_parts(import_id=import_id).values_list("counts", "is_done"):
        counts.update(part_counts)
        done += sum(part_counts.values()) if is_done else 0
    return counts, done


def import_next(*, import_id: UUID, manager_id: UUID, now: datetime) -> list[PlannedRow]:
    """Import the next part, row by row, and note what is refused beside its row; return the rows that were imported.

    Repeated, or twice at once, no part is imported twice.
    """
    with databases.transaction_for("items"):
        _lock(import_id, manager_id)
        part = imports.list_parts(import_id=import_id).filter(is_done=False).first()
        if part is None:
            return []
        rows: list[PlannedRow] = part.rows
        for row, refusal in importing.import_rows(rows=rows, manager_id=manager_id, now=now):
            if refusal is not None:
                row["kind"] = REFUSED
                row["errors"].append(["", refusal.message])
        _save(part)
    return [row for row in rows if row["kind"] in importing.DONE]


def import_whole(*, import_id: UUID, manager_id: UUID, now: datetime) -> list[PlannedRow]:
    """Import all rows in one transaction, or nothing; return the rows that were imported.

    :raises ImportTooLongError: if there are more than `MOST_WHOLE`
    :raises ImportRefusedError: if one was refused
    """
    with databases.transaction_for("items"):
        kept = _lock(import_id, manager_id)
        if kept.total > MOST_WHOLE:
            raise ImportTooLongError(most=f"{MOST_WHOLE:,}")
        parts = list(imports.list_parts(import_id=import_id).filter(is_done=False))
        rows: list[PlannedRow] = [row for part in parts for row in part.rows]
        importing.import_all(rows=rows, manager_id=manager_id, now=now)
        for part in parts:
            _save(part)
    return [row for row in rows if row["kind"] in importing.DONE]


def note_refusal(*, import_id: UUID, refusal: ImportRefusedError) -> None:
    """Keep why nothing was imported."""
    ItemImport.objects.filter(id=import_id).update(refusal=refusal.message)


def _lock(import_id: UUID, manager_id: UUID) -> ItemImport:
    kept = ItemImport.objects.select_for_update(no_key=True).filter(id=import_id, manager_id=manager_id).first()
    if kept is None:
        raise ImportNotFoundError
    if not kept.is_started or kept.refusal:
        kept.is_started, kept.refusal = True, ""
        kept.save(update_fields=["is_started", "refusal"])
    return kept


def _save(part: ItemImportPart) -> None:
    part.counts, part.is_done = _counts(part.rows), True
    part.save(update_fields=["rows", "counts", "is_done"])


def _counts(rows: Sequence[PlannedRow]) -> Counter[str]:
    return Counter(row["kind"] for row in rows)
