"""The checks that `manage.py doctor` runs. Each context and package registers its own in its `checks.py`.

They are Django system checks in a registry of their own, because they read tables and connect to other hosts, which no other command should
wait for.
"""

import re
from typing import Any

from django.apps import apps
from django.core.checks import ERROR, WARNING, CheckMessage
from django.core.checks.registry import CheckRegistry
from django.db.backends.base.base import BaseDatabaseWrapper

DATABASES = "databases"
"""Tag of checks that look at the databases themselves; they get those that can be used as `databases`."""
DATA = "data"
"""Tag of checks that read tables: they run if every database can be used."""
STRICT = "strict"
"""Tag of checks whose warnings are errors with `--deploy`."""
registry = CheckRegistry()
register = registry.register
_GUARDS = {
    # A disabled trigger does not fire, and a constraint that is not validated does not cover older rows.
    "postgresql": """
        SELECT conname FROM pg_constraint WHERE conrelid = to_regclass(%s) AND convalidated
        UNION SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass(%s) AND tgenabled IN ('O', 'A')
    """,
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN (%s, %s)",
}


def finding(id: str, found: str, hint: str) -> CheckMessage:  # noqa: A002  # Django's name
    """Return an error for an id such as `payments.E001`, a warning for one such as `payments.W001`."""
    return CheckMessage(ERROR if ".E" in id else WARNING, found, hint=hint, id=id)


def missing_guards(connection: BaseDatabaseWrapper) -> list[str]:
    """Return, sorted, the constraints and indexes of models, and their `GUARDS`, that a database's tables lack.

    `GUARDS` names, by engine, the triggers and constraints that migrations create in SQL. SQLite recreates a table for most changes to it,
    which drops its triggers. Tables that do not exist yet are skipped.
    """
    missing: set[str] = set()
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        for model in apps.get_models():
            table = model._meta.db_table  # noqa: SLF001  # Django documents it
            if table not in tables or not model.__module__.startswith(("apps.", "gdmarket.")):
                continue
            named = {each.name for each in (*model._meta.constraints, *model._meta.indexes)}  # noqa: SLF001  # Django documents it
            missing |= named - _constraints_of(connection, cursor, table)
            cursor.execute(_GUARDS[connection.vendor], [table, table])
            missing |= set(getattr(model, "GUARDS", {}).get(connection.vendor, ())) - {name for (name,) in cursor.fetchall()}
    return sorted(missing)


def _constraints_of(connection: BaseDatabaseWrapper, cursor: Any, table: str) -> set[str]:
    """Return the names of a table's constraints and indexes."""
    if connection.vendor != "sqlite":
        return set(connection.introspection.get_constraints(cursor, table))
    # Django's introspection parses the SQL of each table: 10 ms each.
    cursor.execute("SELECT name, sql FROM sqlite_master WHERE tbl_name = %s AND type IN ('index', 'table')", [table])
    names = set()
    for name, sql in cursor.fetchall():
        names |= {name, *re.findall(r'CONSTRAINT "([^"]+)"', sql or "")}
    return names
