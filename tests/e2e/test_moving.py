"""Payments and the status view move to databases of their own, and nothing is lost."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.e2e.operator_commands import Environment, output_of


def deliveries(path: Path, subscriber: str) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(path)) as database:
        question = "SELECT lane, version FROM bus_delivery WHERE subscriber = ? ORDER BY lane, version"
        return database.execute(question, [subscriber]).fetchall()


def test_contexts_move_out_with_their_rows_their_streams_and_their_timers(tmp_path: Path) -> None:
    mine = {"DATABASE_URL": f"sqlite:///{tmp_path}/one.sqlite3", "GDMARKET_DATA_DIR": str(tmp_path)}
    one: Environment = {**os.environ, **mine, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    output_of(one, "migrate", "-v0")
    output_of(one, "load_demo")
    to_handle = deliveries(tmp_path / "one.sqlite3", "payments")
    assert to_handle
    several = one | {
        "GDMARKET_PAYMENTS_DATABASE_URL": f"sqlite:///{tmp_path}/payments.sqlite3",
        "GDMARKET_STATUS_VIEW_DATABASE_URL": f"sqlite:///{tmp_path}/view.sqlite3",
    }

    output_of(several, "migrate", "-v0")
    moved = {context: output_of(several, "move_context", context, "--from", "default") for context in ("payments", "status_view")}
    again = output_of(several, "move_context", "payments", "--from", "default")

    assert deliveries(tmp_path / "one.sqlite3", "payments") == []
    assert deliveries(tmp_path / "payments.sqlite3", "payments") == to_handle
    lines = [line.split(": ") for line in "".join(moved.values()).splitlines()]
    assert {table: int(new.split()[0]) > 0 for table, new in lines if table in {"payments_posting", "status_view_itemstatus"}} == {
        "payments_posting": True,
        "status_view_itemstatus": True,
    }
    assert {line.split(": ")[1] for line in again.splitlines()} == {"0 new"}
    output_of(several, "check_status_view")
    output_of(several, "reconcile_payments", "--dry-run")
