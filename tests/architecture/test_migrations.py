"""The previous version keeps working after each migration, and no migration drops a constraint or trigger."""

from importlib import import_module
from typing import Any

import pytest
from django.db import connection, migrations, models
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.rentals.models import Rental
from gdmarket.checks import missing_guards
from tests.architecture.compatibility import objections, unexcused

pytestmark = pytest.mark.django_db
OURS = {"accounts", "items", "rentals", "payments", "status_view", "bus", "breaker", "rest"}
# Older than this test, and deployed.
BASELINE = {
    ("accounts", "0001_initial"),
    ("breaker", "0001_initial"),
    ("bus", "0001_initial"),
    ("bus", "0002_tune_postgresql"),
    ("bus", "0003_operating"),
    ("items", "0001_initial"),
    ("payments", "0001_initial"),
    ("payments", "0002_ledger"),
    ("payments", "0003_book_the_past"),
    ("payments", "0004_never_more_than_charged"),
    ("rentals", "0001_initial"),
    ("rentals", "0002_no_overlap"),
    ("rest", "0001_initial"),
    ("status_view", "0001_initial"),
    ("status_view", "0002_generations"),
}
LOADER = MigrationLoader(None, ignore_no_migrations=True)
NEW = sorted(node for node in LOADER.graph.nodes if node[0] in OURS and node not in BASELINE)


def migration(app: str, *operations: Any, **more: Any) -> Migration:
    """Return a migration that follows all those of an app."""
    kind = type("Migration", (Migration,), {"operations": list(operations), **more})
    written: Migration = kind("0999_next", app)
    return written


def before(app: str) -> Any:
    """Return the state after all migrations of an app."""
    return LOADER.project_state(LOADER.graph.leaf_nodes(app))


def test_the_baseline_names_existing_migrations() -> None:
    assert set(LOADER.graph.nodes) >= BASELINE


def test_the_previous_version_keeps_working_after_every_migration() -> None:
    found = {
        f"{app}.{name}": wrong
        for app, name in NEW
        if (
            wrong := unexcused(LOADER.graph.nodes[app, name], before=LOADER.project_state((app, name), at_end=False), connection=connection)
        )
    }
    assert found == {}, "see CONTRIBUTING.md, A migration"


@pytest.mark.parametrize(
    ("app", "operation", "codes"),
    [
        ("rentals", migrations.RemoveField("rental", "began_at"), {"DROP_COLUMN"}),
        ("rentals", migrations.RenameField("rental", "item_name", "item_title"), {"RENAME_COLUMN"}),
        ("rentals", migrations.RenameModel("Listing", "Offer"), {"RENAME_TABLE"}),
        ("breaker", migrations.DeleteModel("Circuit"), {"DROP_TABLE"}),
        ("rentals", migrations.AddField("rental", "note", models.CharField(max_length=9, default="")), {"NOT_NULL"}),
        ("status_view", migrations.AlterField("rentalstatus", "payment_state", models.CharField(max_length=20, default="")), {"NOT_NULL"}),
        ("rentals", migrations.AlterField("rental", "version", models.BigIntegerField(default=0)), {"ALTER_COLUMN"}),
        (
            "rentals",
            migrations.AddConstraint("rental", models.UniqueConstraint(fields=["item_id", "starts_at"], name="rentals_once")),
            {"ADD_UNIQUE"},
        ),
        ("rentals", migrations.AddIndex("rental", models.Index(fields=["closed_at"], name="rentals_closed")), {"CREATE_INDEX"}),
        ("rentals", migrations.RunPython(print), {"IRREVERSIBLE"}),
        ("rentals", migrations.RunSQL("SELECT 1"), {"IRREVERSIBLE"}),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str | set) else "",
)
def test_a_migration_that_breaks_the_previous_version_is_found(app: str, operation: Any, codes: set[str]) -> None:
    assert unexcused(migration(app, operation), before=before(app), connection=connection) >= codes
    excused = migration(
        app, operation, on_purpose=dict.fromkeys(["CREATE_INDEX_EXCLUSIVE", "ALTER_COLUMN", "NOT_NULL", *codes], "It is empty.")
    )
    assert unexcused(excused, before=before(app), connection=connection) == set()
    unexplained = migration(app, operation, on_purpose=dict.fromkeys(codes, " "))
    assert unexcused(unexplained, before=before(app), connection=connection) >= codes


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("rental", "note", models.CharField(max_length=9, null=True)),
        migrations.AddField("rental", "noted_at", models.DateTimeField(db_default=Now())),
        migrations.AddConstraint("rental", models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="rentals_again")),
        migrations.RunPython(migrations.RunPython.noop, migrations.RunPython.noop),
        migrations.CreateModel("Note", [("id", models.BigAutoField(primary_key=True)), ("text", models.TextField(unique=True))]),
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("rental", "began_at")]),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_a_migration_that_only_adds_is_accepted(operation: Any) -> None:
    assert objections(migration("rentals", operation), before=before("rentals"), connection=connection) == set()


def test_after_all_migrations_every_constraint_and_trigger_exists() -> None:
    assert missing_guards(connection) == []


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_a_migration_that_recreates_a_table_and_so_drops_its_triggers_is_found() -> None:
    name, wider = Rental._meta.get_field("item_name"), models.CharField(max_length=200)
    wider.set_attributes_from_name("item_name")
    wider.model = Rental
    try:
        with connection.schema_editor() as editor:
            editor.alter_field(Rental, name, wider)
        assert missing_guards(connection) == ["rentals_no_overlap_insert", "rentals_no_overlap_update"]
    finally:
        with connection.schema_editor() as editor:
            editor.alter_field(Rental, wider, name)
            import_module("apps.rentals.migrations.0005_no_show").add_guard(None, editor)
    assert missing_guards(connection) == []
