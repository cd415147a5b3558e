"""Running backup, restore and other management commands, and damaging files."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parent.parent.parent
Environment = dict[str, str]


def manage(environment: Environment, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a management command in an environment, to its end."""
    arguments = [sys.executable, "manage.py", *map(str, command)]
    return subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)


def output_of(environment: Environment, *command: str | Path) -> str:
    """Return the output of a command that must succeed."""
    ran = manage(environment, *command)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def backup(environment: Environment, tmp_path: Path) -> Path:
    return Path(output_of(environment, "backup", tmp_path / "backups").strip())


def ask(environment: Environment, question: str) -> Any:
    """Return the single value of a query in an environment's database."""
    url = environment["DATABASE_URL"]
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            return database.execute(question).fetchone()[0]
    with psycopg.connect(url) as server:
        row = server.execute(question).fetchone()
        assert row is not None
        return row[0]


def change(environment: Environment, statement: str) -> None:
    """Execute a statement in an environment's database."""
    url = environment["DATABASE_URL"]
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as database:
            database.execute(statement)
    else:
        with psycopg.connect(url) as server:
            server.execute(statement)


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
