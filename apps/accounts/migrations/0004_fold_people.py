"""Fill in what searches of people compare."""

from typing import Any

from django.db import migrations

from gdmarket import text_columns


def refold(apps: Any, schema_editor: Any) -> None:
    """Fold what was written before, a page at a time; servers go on meanwhile."""
    text_columns.refold(rows=apps.get_model("accounts", "User").objects.using(schema_editor.connection.alias))


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0003_text")]

    operations = [migrations.RunPython(refold, migrations.RunPython.noop)]
