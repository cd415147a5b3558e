"""Let SQLite's guard of the ledger look postings up by their payment, also where the ledger was made by an earlier version."""

from importlib import import_module
from typing import ClassVar

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

_LEDGER = import_module("apps.payments.migrations.0003_book_the_past")


def write_guard(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Write the triggers anew."""
    if schema_editor.connection.vendor == "sqlite":
        for statement in (*_LEDGER.UNGUARD["sqlite"], *_LEDGER.GUARD["sqlite"]):
            schema_editor.execute(statement)


class Migration(migrations.Migration):
    """SQLite's triggers; the version before is guarded by either."""

    dependencies: ClassVar = [("payments", "0005_provider_failed")]
    operations: ClassVar = [migrations.RunPython(write_guard, migrations.RunPython.noop)]
