"""Let the database refuse to rent one item to two people at once.

A rental keeps the item for its period, and from the moment it was handed over where that came earlier.
"""

from typing import ClassVar

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

HOLDING = "('requested', 'paying', 'paid', 'refunding', 'rented')"

POSTGRESQL = (
    # btree_gist lets a plain uuid stand beside a range; it is a trusted extension, so the database's owner may create it.
    "CREATE EXTENSION IF NOT EXISTS btree_gist",
    f"""
    ALTER TABLE rentals_rental ADD CONSTRAINT rentals_no_overlap
    EXCLUDE USING gist (item_id WITH =, tstzrange(LEAST(starts_at, handed_over_at), ends_at, '[)') WITH &&) WHERE (state IN {HOLDING})
    """,
)

SQLITE = tuple(
    f"""
    CREATE TRIGGER rentals_no_overlap_{name} BEFORE {when} ON rentals_rental
    WHEN NEW.state IN {HOLDING}
    BEGIN
        SELECT RAISE(ABORT, 'rentals_no_overlap') WHERE EXISTS (
            SELECT 1 FROM rentals_rental
            WHERE item_id = NEW.item_id AND id <> NEW.id AND state IN {HOLDING}
            AND min(starts_at, coalesce(handed_over_at, starts_at)) < NEW.ends_at
            AND ends_at > min(NEW.starts_at, coalesce(NEW.handed_over_at, NEW.starts_at))
        );
    END
    """  # noqa: S608  # put together from the constants above alone
    for name, when in (("insert", "INSERT"), ("update", "UPDATE OF item_id, starts_at, ends_at, state, handed_over_at"))
)

GUARD = {"postgresql": POSTGRESQL, "sqlite": SQLITE}
UNGUARD = {
    "postgresql": ("ALTER TABLE rentals_rental DROP CONSTRAINT rentals_no_overlap",),
    "sqlite": ("DROP TRIGGER rentals_no_overlap_insert", "DROP TRIGGER rentals_no_overlap_update"),
}


def add_guard(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Forbid overlapping periods of one item among the states that hold."""
    for statement in GUARD[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def drop_guard(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Allow them again."""
    for statement in UNGUARD[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    """An exclusion constraint on PostgreSQL, two triggers on SQLite."""

    dependencies: ClassVar[list[tuple[str, str]]] = [("rentals", "0001_initial")]

    operations: ClassVar[list[migrations.RunPython]] = [migrations.RunPython(add_guard, drop_guard)]
