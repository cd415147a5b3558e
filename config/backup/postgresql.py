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
SELECT count(*), coalesce(sum(('x' || left(md5(t::text), 15))::bit(60)::bigint), 0),
  coalesce(sum(('x' || right(md5(t::text), 15))::bit(60)::bigint), 0)
FROM {table} t
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename"
# Not the server's own workers, such as autovacuum's.
_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# pg_restore drops only what the backup names; what later migrations made would remain.
_EMPTY = "SET client_min_messages = warning; DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC;"
_SNAPSHOT = """
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0
"""


class PostgresqlDatabase:
    """One database."""

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

    def restore(self, source: Path) -> None:
        empty = [] if self.is_empty() else [f"--command={_EMPTY}"]
        self._connection.close()  # its locks must not block psql
        reading = [_program("pg_restore"), "--no-owner", "--no-privileges", "--exit-on-error", "--file=-", str(source)]
        writing = [_program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", *self._address]
        writing += ["--command=BEGIN", *empty, "--file=-"]
        with subprocess.Popen(writing, env=self._environment, stdin=PIPE, stdout=DEVNULL, stderr=PIPE) as psql:
            read = subprocess.run(reading, stdout=psql.stdin, stderr=PIPE, check=False)
            _, refused = psql.communicate(b"" if read.returncode else b"COMMIT;")
        if read.returncode or psql.returncode:
            raise BackupError(f"pg_restore failed: {(refused or read.stderr).decode().strip()}")

    def digests(self) -> dict[str, TableDigest]:
        with transaction.atomic(using=self._connection.alias), self._connection.cursor() as cursor:
            cursor.execute(_SNAPSHOT)
            return self._digests()

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
                found[name] = TableDigest.of(rows=rows, total=(int(left) % 2**64 << 64) + int(right) % 2**64)
        return found


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BackupError(f"{name} is not on PATH: install PostgreSQL's client programs, no older than the server.")
    return found
