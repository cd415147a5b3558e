"""A rental that was paid and never fetched is over: the state `no_show`. And who cancelled, and when the period's end was recorded.

The period of a no-show stays among those that the database keeps apart, so that neither this state nor a refund after it can be refused; it
is past, and the item is free from its end on.

While this runs, rentals can be neither read nor written: all rows are read to check their state, and once more to make the exclusion
constraint anew, of which only the index, over the rows that hold, is small. Both are within this one transaction, so that no moment
is without the guard.
"""

from importlib import import_module
from typing import ClassVar

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

before = import_module("apps.rentals.migrations.0002_no_overlap")

STATES = ["requested", "paying", "paid", "refunding", "rented", "returned", "cancelled", "expired", "no_show"]
TAKING = "('requested', 'paying', 'paid', 'refunding', 'rented', 'no_show')"
GUARD = {vendor: tuple(sql.replace(before.HOLDING, TAKING) for sql in statements) for vendor, statements in before.GUARD.items()}
UNGUARD = {
    "postgresql": ("ALTER TABLE rentals_rental DROP CONSTRAINT rentals_no_overlap",),
    # SQLite may have dropped them with the table that it made anew.
    "sqlite": tuple(f"DROP TRIGGER IF EXISTS rentals_no_overlap_{name}" for name in ("insert", "update")),
}


def add_guard(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Forbid overlapping periods of one item among the states that hold, and no-shows."""
    for statement in (*UNGUARD[schema_editor.connection.vendor], *GUARD[schema_editor.connection.vendor]):
        schema_editor.execute(statement)


def drop_guard(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Allow them, until `restore_guard`."""
    for statement in UNGUARD[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def restore_guard(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the guard of before, which knows no no-show."""
    before.add_guard(apps, schema_editor)


def forget_no_shows(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make no-shows what they were: paid."""
    rentals = apps.get_model("rentals", "Rental").objects.using(schema_editor.connection.alias)
    rentals.filter(state="no_show").update(state="paid", closed_at=None, ended_at=None)


class Migration(migrations.Migration):
    """The state, two columns, and the guard made anew."""

    on_purpose: ClassVar[dict[str, str]] = {
        "NOT_NULL": "It has a default in the database. All rows are read twice while the table is locked.",
    }
    dependencies = [("rentals", "0004_fold_rentals")]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, restore_guard),
        migrations.AddField(
            "rental",
            "cancelled_by",
            models.CharField(
                blank=True,
                choices=[("renter", "renter"), ("manager", "manager"), ("operator", "operator"), ("system", "system")],
                db_default="",
                default="",
                max_length=10,
                verbose_name="cancelled by",
            ),
        ),
        migrations.AddField("rental", "ended_at", models.DateTimeField(null=True, verbose_name="period ended")),
        migrations.AlterField(
            "rental",
            "state",
            models.CharField(
                choices=[(state, "not fetched" if state == "no_show" else state) for state in STATES],
                default="requested",
                max_length=9,
                verbose_name="state",
            ),
        ),
        migrations.RemoveConstraint("rental", "rentals_state_known"),
        migrations.AddConstraint("rental", models.CheckConstraint(condition=models.Q(state__in=STATES), name="rentals_state_known")),
        migrations.RunPython(add_guard, drop_guard),
        migrations.RunPython(migrations.RunPython.noop, forget_no_shows),
    ]
