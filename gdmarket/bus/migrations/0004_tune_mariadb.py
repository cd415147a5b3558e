"""On MariaDB, whose indexes know no condition, find by a column more what the partial ones find elsewhere; lanes in byte order."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

TUNING = (
    "CREATE INDEX bus_delivery_version ON bus_delivery (subscriber, version, not_before)",
    "CREATE INDEX bus_delivery_token ON bus_delivery (subscriber, token)",
    "CREATE INDEX bus_delivery_died ON bus_delivery (subscriber, dead)",
    # Lanes in plain byte order, as the claims walk along them: an index of words would hold "a" and "A" for one.
    "ALTER TABLE bus_delivery MODIFY lane varchar(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL",
    "ALTER TABLE bus_event MODIFY stream varchar(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL",
)


def tune(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    del apps
    if schema_editor.connection.vendor == "mysql":
        for statement in TUNING:
            schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("bus", "0003_operating")]

    operations = [migrations.RunPython(tune, migrations.RunPython.noop, atomic=False)]
