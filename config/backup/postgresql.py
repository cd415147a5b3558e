"""Copies of PostgreSQL databases by pg_dump and pg_restore."""

import os
import shutil
import subprocess
from pathlib import Path
from subprocess import DEVNULL, PIPE

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from config.backup import BackupError, TableDigest

# Two sums, each of as many bits of a hash of every row as it can hold.
_DIGEST = """
SELECT count(*), mod(coalesce(sum(('x' || left(md5(t::text), 15))::bit(60)::bigint), 0), 18446744073709551616),
  mod(coalesce(sum(('x' || right(md5(t::text), 15))::bit(60)::bigint), 0), 18446744073709551616)
FROM {table} t
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename"
# Not the server's own workers, such as autovacuum's, which have no user. Of other roles' sessions the type may be hidden.
_OTHERS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
AND usesysid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
"""
# Drops what migrations of any version made. Extensions, and the sequences that go with their columns, are left alone.
_EMPTY = """
SET client_min_messages = warning;
DO $$
DECLARE statement text;
BEGIN
  FOR statement IN
    SELECT format('DROP %s IF EXISTS %s CASCADE', CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
      WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, oid::regclass)
    FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
        AND (d.deptype = 'e' OR c.relkind = 'S' AND d.deptype IN ('a', 'i')))
    UNION ALL
    SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure)
    FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
  LOOP EXECUTE statement; END LOOP;
END $$;
"""
# pg_restore's script empties the search path. Rows are hashed as text, which depends on the time zone.
_VERIFY = """
RESET search_path; SET LOCAL TIME ZONE 'UTC';
DO $verify$ BEGIN
  IF {count} <> (SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()) THEN
    RAISE EXCEPTION 'there are not as many tables as were copied';
  END IF;
  {tables}
END $verify$;
COMMIT;
"""
_VERIFY_TABLE = "IF ROW({rows}, {left}, {right}) <> ({digest}) THEN RAISE EXCEPTION '{table} is not what was copied'; END IF;"
_SNAPSHOT = """
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0
"""


class PostgresqlDatabase:
    """A PostgreSQL database."""

    engine = "postgresql"

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        # The password goes by the environment: a list of processes does not show it.
        (_psql, *place, name), environment = connection.client.settings_to_cmd_args_env(connection.settings_dict, [])
        self._address, self._environment = [*place, f"--dbname={name}"], os.environ | (environment or {})

    def dump(self, target: Path) -> dict[str, TableDigest]:
        with transaction.atomic(using=self._connection.alias), self._connection.cursor() as cursor:
            cursor.execute(_SNAPSHOT)
            cursor.execute("SELECT pg_export_snapshot()")
            (snapshot,) = cursor.fetchone()
            options = ["--format=custom", "--no-owner", "--no-privileges", "--no-comments", f"--snapshot={snapshot}", f"--file={target}"]
            command = [_program("pg_dump"), *options, *self._address]
            ran = subprocess.run(command, env=self._environment, stdin=DEVNULL, capture_output=True, text=True, check=False)
            if ran.returncode:
                raise BackupError(f"pg_dump failed: {ran.stderr.strip()}")
            return self._digests()

    def check_copy(self, source: Path, _tables: dict[str, TableDigest]) -> None:
        """Raise BackupError if a copy cannot be read, or a program is missing that restores it."""
        _program("psql")
        ran = subprocess.run([_program("pg_restore"), "--list", str(source)], stdout=DEVNULL, stderr=PIPE, text=True, check=False)
        if ran.returncode:
            raise BackupError(f"{source} cannot be read: {ran.stderr.strip()}")

    def restore(self, source: Path, tables: dict[str, TableDigest]) -> None:
        """Replace what is in the database in one transaction, which is committed if every table is what was copied.

        :raises BackupError: if that fails; the database is as it was before
        """
        empty = [] if self.is_empty() else [f"--command={_EMPTY}"]
        self._connection.close()  # its locks must not block psql
        reading = [_program("pg_restore"), "--no-owner", "--no-privileges", "--exit-on-error", "--file=-", str(source)]
        writing = [_program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", *self._address]
        writing += ["--command=BEGIN", *empty, "--file=-"]
        with subprocess.Popen(writing, env=self._environment, stdin=PIPE, stdout=DEVNULL, stderr=PIPE) as psql:
            read = subprocess.run(reading, stdout=psql.stdin, stderr=PIPE, check=False)
            _, refused = psql.communicate(
                b"" if read.returncode else self._verify_and_commit(tables).encode()
            )  # without COMMIT, it rolls back
        if read.returncode or psql.returncode:
            raise BackupError(f"Nothing in {self._connection.alias} was changed: {(refused or read.stderr).decode().strip()}")

    def is_empty(self) -> bool:
        return not self._connection.introspection.table_names()

    def is_in_use(self) -> bool:
        with self._connection.cursor() as cursor:
            cursor.execute(_OTHERS)
            return bool(cursor.fetchone()[0])

    def _digests(self) -> dict[str, TableDigest]:
        found = {}
        with self._connection.cursor() as cursor:
            cursor.execute(_TABLES)
            for (name,) in cursor.fetchall():
                cursor.execute(_DIGEST.format(table=self._connection.ops.quote_name(name)))
                rows, left, right = cursor.fetchone()
                found[name] = TableDigest(rows, f"{int(left):016x}{int(right):016x}")
        return found

    def _verify_and_commit(self, tables: dict[str, TableDigest]) -> str:
        each = []
        for name, copied in tables.items():
            digest = _DIGEST.format(table=self._connection.ops.quote_name(name))
            left, right = int(copied.digest[:16], 16), int(copied.digest[16:], 16)
            each.append(_VERIFY_TABLE.format(rows=copied.rows, left=left, right=right, digest=digest, table=name))
        return _VERIFY.format(count=len(tables), tables="\n  ".join(each))


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BackupError(f"{name} is not on PATH: install PostgreSQL's client programs, no older than the server.")
    return found
