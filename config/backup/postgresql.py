"""Copies of PostgreSQL databases by its own pg_dump and pg_restore, of the very snapshot that the digests are of."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from config.backup.manifest import BackupError, Table

# As many bits of a hash of each row as a sum of them can hold.
_DIGEST = """
SELECT count(*), coalesce(sum(('x' || left(md5(t::text), 15))::bit(60)::bigint), 0),
  coalesce(sum(('x' || right(md5(t::text), 15))::bit(60)::bigint), 0)
FROM {table} t
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename"
# Not the server's own workers, autovacuum's say, which come and go.
_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# pg_restore drops only what the backup names. Tables of later migrations, and what refers to them, would stay, and stand in its way.
_EMPTY = """
SET client_min_messages = warning;
DO $$
DECLARE statement text;
BEGIN
  FOR statement IN
    SELECT format('DROP %s IF EXISTS %s CASCADE', CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
      WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, oid::regclass)
    FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
      -- Neither what an extension brought, nor the sequences of columns, which go with their tables.
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
        AND (d.deptype = 'e' OR c.relkind = 'S' AND d.deptype IN ('a', 'i')))
    UNION ALL
    SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure)
    FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
  LOOP EXECUTE statement; END LOOP;
END $$;
"""
_QUIET = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"


def copy(*, alias: str, target: Path) -> dict[str, Table]:
    """Copy a database as it is at one moment, and return what was in each table then; writers go on meanwhile.

    :raises BackupError: if pg_dump is not there, too old, or fails
    """
    connection = connections[alias]
    program = _program("pg_dump", connection)
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        cursor.execute(f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; {_QUIET}")
        cursor.execute("SELECT pg_export_snapshot()")
        (snapshot,) = cursor.fetchone()
        options = ["--format=custom", "--no-owner", "--no-privileges", "--no-comments", f"--snapshot={snapshot}", f"--file={target}"]
        address, environment = _address(connection)
        _run([program, *options, *address], environment)
        return _tables(connection)


def put_back(*, alias: str, source: Path) -> None:
    """Restore into a database, in one transaction; what is there goes first.

    :raises BackupError: if pg_restore or psql is not there, too old, or fails, which changes nothing
    """
    connection = connections[alias]
    programs = {name: _program(name, connection) for name in ("pg_restore", "psql")}
    connection.close()  # its locks, if any, are not to be in the way
    options = ["--clean", "--if-exists", "--no-owner", "--no-privileges", "--exit-on-error", "--file=-"]
    address, environment = _address(connection)
    psql = [programs["psql"], "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", *address]
    with subprocess.Popen(psql, env=os.environ | (environment or {}), stdin=PIPE, stdout=DEVNULL, stderr=PIPE) as writing:
        assert writing.stdin is not None  # noqa: S101  # for mypy: it is a PIPE
        with suppress(BrokenPipeError):  # it says itself why it left
            writing.stdin.write(f"BEGIN;{_EMPTY}".encode())
            writing.stdin.flush()
        reading = subprocess.run([programs["pg_restore"], *options, str(source)], stdout=writing.stdin, stderr=PIPE, check=False)
        # Without this last word nothing was done.
        _, refused = writing.communicate(b"" if reading.returncode else b"COMMIT;")
    if reading.returncode or writing.returncode:
        raise BackupError(f"pg_restore failed: {(refused or reading.stderr).decode().strip()}")


def others(alias: str) -> int:
    """Return how many other sessions are connected to a database."""
    with connections[alias].cursor() as cursor:
        cursor.execute(_OTHERS)
        return int(cursor.fetchone()[0])


def tables_of(alias: str) -> dict[str, Table]:
    """Return what is in each table of a database, as of one moment."""
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute(f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; {_QUIET}")
        return _tables(connections[alias])


def refuse_unreadable(*, alias: str, source: Path) -> None:
    """Do nothing where pg_restore can read the file.

    :raises BackupError: if it cannot, or is not there
    """
    _run([_program("pg_restore", connections[alias]), "--list", "--file=/dev/null", str(source)], None)


def _tables(connection: BaseDatabaseWrapper) -> dict[str, Table]:
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        for (name,) in cursor.fetchall():
            cursor.execute(_DIGEST.format(table=connection.ops.quote_name(name)))
            rows, left, right = cursor.fetchone()
            found[name] = Table(rows=rows, digest=f"{int(left) % 2**64:016x}{int(right) % 2**64:016x}")
    return found


def _program(name: str, connection: BaseDatabaseWrapper) -> str:
    """Return the path of one of PostgreSQL's programs, which must not be older than the server."""
    wanted = connection.get_database_version()[0]
    found = shutil.which(name)
    if found is None:
        raise BackupError(f"{name} is not on PATH: install PostgreSQL's client programs, version {wanted} or newer.")
    told = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    version = int((re.search(r"(\d+)", told) or [0])[0])
    if version < wanted:
        raise BackupError(f"{found} is of version {version}, the server of {wanted}: put {name} {wanted} or newer first on PATH.")
    return found


def _run(command: Sequence[str], environment: dict[str, str] | None) -> None:
    ran = subprocess.run(
        command, env=os.environ | (environment or {}), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise BackupError(f"{Path(command[0]).name} failed: {ran.stderr.strip()}")


def _address(connection: BaseDatabaseWrapper) -> tuple[list[str], dict[str, str] | None]:
    """Return how the programs find the database; the password goes by the environment, where no list of processes shows it."""
    (_psql, *place, name), environment = connection.client.settings_to_cmd_args_env(connection.settings_dict, [])
    return [*place, f"--dbname={name}"], environment
