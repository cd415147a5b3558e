"""One row an item and one row a rental, found by its id alone; a table for how far a rebuild in place has come.

The version before works on beside this. It needs the columns `key` and `generation`, its indexes and the table of generations, so they stay
in the database; the models no longer name them. Rows inserted by this version get `key` from its sequence and `generation` 1 by default,
which is the one that is read: it is renumbered here where it was another. A handler of that version that began before may fail once, and
its delivery is repeated.

A later version, when nothing of that one runs, drops them: on PostgreSQL by dropping `key`, `generation` and `status_view_generations` and
making `status_view_item_id` and `status_view_rental_id` the primary keys. SQLite drops the columns whenever a table is made anew.

Deliveries to the view wait for a second or so for each hundred thousand rows, and longer where the generation is renumbered; readers do
not.
"""

from typing import ClassVar

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def number_one(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make the active generation the first, and delete what a handler of the version before may have written into another meanwhile."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("SET LOCAL statement_timeout = 0")
        # As handlers lock them: items first.
        schema_editor.execute("LOCK TABLE status_view_itemstatus, status_view_rentalstatus IN SHARE ROW EXCLUSIVE MODE")
    using = schema_editor.connection.alias
    generations = apps.get_model("status_view", "Generations").objects.using(using)
    active = generations.values_list("active", flat=True).first() or 1
    for name in ("ItemStatus", "RentalStatus"):
        rows = apps.get_model("status_view", name).objects.using(using)
        rows.exclude(generation=active).delete()
        rows.exclude(generation=1).update(generation=1)
    generations.update(active=1, newest=1)


def _unique(kind: str) -> migrations.RunSQL:
    index = f"status_view_{kind}_id"
    return migrations.RunSQL(f"CREATE UNIQUE INDEX {index} ON status_view_{kind}status (id)", f"DROP INDEX {index}")


class Migration(migrations.Migration):
    on_purpose: ClassVar[dict[str, str]] = {
        "CREATE_INDEX": "Deliveries to the view wait for a second or so for each hundred thousand rows, and are made afterwards.",
    }
    dependencies = [("status_view", "0003_one_generation")]

    operations = [
        migrations.RunPython(number_one, migrations.RunPython.noop),
        migrations.SeparateDatabaseAndState(
            database_operations=[_unique("item"), _unique("rental")],
            state_operations=[
                migrations.AlterModelOptions("itemstatus", {"verbose_name": "item status", "verbose_name_plural": "item statuses"}),
                migrations.AlterModelOptions("rentalstatus", {"verbose_name": "rental status", "verbose_name_plural": "rental statuses"}),
                migrations.RemoveConstraint("itemstatus", "status_view_item_once"),
                migrations.RemoveConstraint("rentalstatus", "status_view_rental_once"),
                migrations.RemoveIndex("itemstatus", "status_view_item_managed"),
                migrations.RemoveIndex("rentalstatus", "status_view_rental_rented"),
                migrations.RemoveIndex("rentalstatus", "status_view_rental_managed"),
                migrations.RemoveIndex("rentalstatus", "status_view_rental_holding"),
                migrations.RemoveField("itemstatus", "generation"),
                migrations.RemoveField("rentalstatus", "generation"),
                migrations.AlterField("itemstatus", "id", models.UUIDField(primary_key=True, serialize=False, verbose_name="item")),
                migrations.AlterField("rentalstatus", "id", models.UUIDField(primary_key=True, serialize=False, verbose_name="rental")),
                migrations.RemoveField("itemstatus", "key"),
                migrations.RemoveField("rentalstatus", "key"),
                migrations.DeleteModel("Generations"),
            ],
        ),
        migrations.AddIndex("itemstatus", models.Index(fields=["manager_id", "-id"], name="status_view_item_manager")),
        migrations.AddIndex("rentalstatus", models.Index(fields=["renter_id", "-requested_at", "id"], name="status_view_rental_renter")),
        migrations.AddIndex("rentalstatus", models.Index(fields=["manager_id", "-requested_at", "id"], name="status_view_rental_manager")),
        migrations.AddIndex(
            "rentalstatus",
            models.Index(
                fields=["item_id"],
                condition=models.Q(("state__in", ("requested", "paying", "paid", "refunding", "rented"))),
                name="status_view_rental_open",
            ),
        ),
        migrations.CreateModel(
            name="Rebuild",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("step", models.CharField(default="", max_length=20)),
                ("last_id", models.UUIDField(null=True)),
                ("rows_done", models.PositiveIntegerField(default=0)),
                ("token", models.UUIDField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
            ],
        ),
    ]
