"""Whether the previous version keeps working after a migration: expand, then migrate, then contract.

django-migration-linter reads the SQL of the engine in use. The operations are checked as well, which is the same on every engine: SQLite
recreates a table where PostgreSQL alters it. A migration that must break the previous version gives a reason:

    on_purpose: ClassVar[dict[str, str]] = {"DROP_COLUMN": "Nobody has read it since 0.2."}
"""

from collections.abc import Iterable, Iterator

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration, RunPython, RunSQL, SeparateDatabaseAndState
from django.db.migrations import operations as known
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import UniqueConstraint
from django.db.models.fields import NOT_PROVIDED
from django_migration_linter.sql_analyser.analyser import analyse_sql_statements, get_sql_analyser_class

# When SQLite recreates a table, all its columns and indexes look new in the SQL; the operations show which are.
_NOT_BY_SQL = {"sqlite": ["ADD_UNIQUE", "NOT_NULL"]}
_PLAIN: dict[type[Operation], str] = {
    known.RemoveField: "DROP_COLUMN",
    known.DeleteModel: "DROP_TABLE",
    known.RenameField: "RENAME_COLUMN",
    known.RenameModel: "RENAME_TABLE",
    known.AlterModelTable: "RENAME_TABLE",
}


def objections(migration: Migration, *, before: ProjectState, connection: BaseDatabaseWrapper) -> set[str]:
    """Return django-migration-linter's codes for what in a migration breaks the previous version."""
    found = set(_by_sql(migration, before, connection))
    state = before.clone()
    for operation in migration.operations:
        found |= set(_by_operation(operation, migration.app_label, state, connection, new=set(_created(migration))))
        operation.state_forwards(migration.app_label, state)
    return found


def unexcused(migration: Migration, *, before: ProjectState, connection: BaseDatabaseWrapper) -> set[str]:
    """Return the objections for which the migration gives no reason."""
    reasons: dict[str, str] = getattr(migration, "on_purpose", {})
    return objections(migration, before=before, connection=connection) - {code for code, reason in reasons.items() if reason.strip()}


def _by_sql(migration: Migration, before: ProjectState, connection: BaseDatabaseWrapper) -> Iterator[str]:
    # Not entered as a context manager: nothing is executed, and SQLite's refuses to be inside a transaction.
    editor = connection.schema_editor(collect_sql=True, atomic=migration.atomic)
    editor.deferred_sql = []
    migration.apply(before.clone(), editor, collect_sql=True)
    for statement in editor.deferred_sql:
        editor.execute(statement, None)
    lines = "\n".join(["BEGIN;" if migration.atomic else "", *editor.collected_sql]).splitlines()
    analyser = get_sql_analyser_class(connection.settings_dict["ENGINE"])
    errors, _ignored, warnings = analyse_sql_statements(analyser, lines, _NOT_BY_SQL.get(connection.vendor))
    yield from (issue.code for issue in (*errors, *warnings))


def _by_operation(operation: Operation, app: str, state: ProjectState, connection: BaseDatabaseWrapper, *, new: set[str]) -> Iterator[str]:
    if isinstance(operation, SeparateDatabaseAndState):
        for inner in operation.database_operations:
            yield from _by_operation(inner, app, state, connection, new=new)
    elif isinstance(operation, RunPython | RunSQL):
        if not operation.reversible:
            yield "IRREVERSIBLE"
    elif type(operation) in _PLAIN:
        yield _PLAIN[type(operation)]
    elif getattr(operation, "model_name", "").lower() not in new:
        yield from _of_a_table_in_use(operation, app, state, connection)


def _of_a_table_in_use(operation: Operation, app: str, state: ProjectState, connection: BaseDatabaseWrapper) -> Iterator[str]:
    match operation:
        case known.AddField(field=field):
            if not (field.null or field.many_to_many or field.db_default is not NOT_PROVIDED):
                yield "NOT_NULL"
        case known.AlterField(field=field):
            former = state.models[app, operation.model_name_lower].fields[operation.name]
            if former.null and not field.null:
                yield "NOT_NULL"
            if former.db_type(connection) != field.db_type(connection):
                yield "ALTER_COLUMN"
        case known.AddConstraint(constraint=UniqueConstraint()):
            yield "ADD_UNIQUE"
        case known.AddIndex():
            yield "CREATE_INDEX"


def _created(migration: Migration) -> Iterable[str]:
    """Return the names of the models whose tables the migration itself creates: no version uses them yet."""
    return (operation.name_lower for operation in migration.operations if isinstance(operation, known.CreateModel))
