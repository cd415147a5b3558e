"""An item can be paused: a third state, which has an own value, so that no index of listed items has paused ones.

SQLite makes the table anew for another constraint, without its triggers and without the indexes that no model names: all that had SQL of
its own is created again as it was.
"""

from typing import Any, ClassVar

from django.db import migrations, models
from django.db.models import Q

_PARTS = "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'items_item' AND type IN ('index', 'trigger') AND sql IS NOT NULL"


def remember_parts(_apps: Any, schema_editor: Any) -> None:
    """Keep what SQLite is about to drop with the table, until `recreate_parts`."""
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute(f"CREATE TEMP TABLE items_parts AS {_PARTS}", None)


def recreate_parts(_apps: Any, schema_editor: Any) -> None:
    """Create the triggers and indexes that are missing."""
    if schema_editor.connection.vendor != "sqlite":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM items_parts WHERE name NOT IN (SELECT name FROM sqlite_master) ORDER BY name")
        missing = [sql for (sql,) in cursor.fetchall()]
    for sql in (*missing, "DROP TABLE temp.items_parts"):
        schema_editor.execute(sql, None)


def resume_all(apps: Any, schema_editor: Any) -> None:
    """Make paused items what they were: listed."""
    items = apps.get_model("items", "Item").objects.using(schema_editor.connection.alias)
    items.filter(state="paused").update(state="listed")
    remember_parts(apps, schema_editor)


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("items", "0014_category_versions")]

    operations: ClassVar[list[Any]] = [
        migrations.RunPython(remember_parts, recreate_parts),
        migrations.AlterField(
            "item",
            "state",
            models.CharField(
                choices=[("listed", "Listed"), ("paused", "Paused"), ("withdrawn", "Withdrawn")],
                default="listed",
                editable=False,
                max_length=9,
                verbose_name="state",
            ),
        ),
        migrations.RemoveConstraint("item", "items_withdrawn_since"),
        migrations.AddConstraint(
            "item",
            models.CheckConstraint(
                condition=Q(("state__in", ["listed", "paused"]), ("withdrawn_at", None))
                | Q(("state", "withdrawn"), ("withdrawn_at__isnull", False)),
                name="items_withdrawn_since",
            ),
        ),
        migrations.RunPython(recreate_parts, resume_all),
    ]
