"""Going to a migration and back, with the models of then."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import StateApps


def migrate(to: tuple[str, str]) -> StateApps:
    """Bring an app to a migration and return the models of then."""
    executor = MigrationExecutor(connection)
    executor.migrate([to])
    return executor.loader.project_state([to]).apps
