"""What the databases themselves must hold, beside the models' own constraints: it stands in migrations, and a table made anew loses it."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CheckConstraint, Model

# By table and engine. SQLite makes a table anew for most changes of it, and its triggers are gone then.
GUARDS: dict[str, dict[str, tuple[str, ...]]] = {
    "rentals_rental": {
        "postgresql": ("rentals_no_overlap",),
        "sqlite": ("rentals_no_overlap_insert", "rentals_no_overlap_update"),
    },
    "payments_posting": {
        "postgresql": ("payments_posting_stands",),
        "sqlite": ("payments_posting_stands_delete", "payments_posting_stands_insert", "payments_posting_stands_update"),
    },
}
# A trigger that somebody switched off guards nothing, and a constraint that is not validated not what was there.
_PRESENT = {
    "postgresql": """
        SELECT conname FROM pg_constraint WHERE conrelid = to_regclass(%s) AND convalidated
        UNION SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass(%s) AND tgenabled IN ('O', 'A')
    """,
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN (%s, %s)",
}


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Return, sorted, the guards, constraints and indexes that a database's tables lack; a table that is not there is none of it."""
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        lacking = set(_lacking_guards(connection.vendor, cursor, tables))
        for model in apps.get_models():
            table = model._meta.db_table  # noqa: SLF001  # Django documents it
            if table in tables and model.__module__.startswith(("apps.", "gdmarket.")):
                lacking |= _named(model, connection) - connection.introspection.get_constraints(cursor, table).keys()
    return sorted(lacking)


def _lacking_guards(vendor: str, cursor: Any, tables: set[str]) -> Iterator[str]:
    for table, guards in GUARDS.items():
        if table in tables and vendor in _PRESENT:
            cursor.execute(_PRESENT[vendor], [table, table])
            yield from set(guards.get(vendor, ())) - {name for (name,) in cursor.fetchall()}


def _named(model: type[Model], connection: BaseDatabaseWrapper) -> set[str]:
    """Return the names of a model's constraints and indexes, as far as the engine knows such."""
    return {
        named.name
        for named in (*model._meta.constraints, *model._meta.indexes)  # noqa: SLF001  # Django documents it
        if connection.features.supports_partial_indexes or isinstance(named, CheckConstraint) or not getattr(named, "condition", None)
    }
