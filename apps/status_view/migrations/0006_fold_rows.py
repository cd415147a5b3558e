"""Fill in what searches of the view compare."""

from typing import Any

from django.db import migrations

from gdmarket import text_columns


def refold(apps: Any, schema_editor: Any) -> None:
    """Fold what was written before, a page at a time; servers go on meanwhile."""
    text_columns.refold(rows=apps.get_model("status_view", "ItemStatus").objects.using(schema_editor.connection.alias))
    text_columns.refold(rows=apps.get_model("status_view", "RentalStatus").objects.using(schema_editor.connection.alias))


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("status_view", "0005_text")]

    operations = [migrations.RunPython(refold, migrations.RunPython.noop)]
