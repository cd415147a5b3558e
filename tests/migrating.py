"""Going to a migration and back, with the models of then."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import StateApps


def migrate(to: tuple[str, str]) -> StateApps:
    """Bring an app to a migration and return the models of then."""
    executor = MigrationExecutor(connection)
    executor.migrate([to])
    return executor.loader.project_state([to]).apps


def newest(app: str) -> tuple[str, str]:
    """Return an app's last migration."""
    found: tuple[str, str] = MigrationExecutor(connection).loader.graph.leaf_nodes(app)[0]
    return found
