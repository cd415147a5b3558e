"""The bus's command as an operator's shell sees it."""

import subprocess
import sys

import pytest

from tests.e2e.served import ROOT

pytestmark = pytest.mark.nightly("sqlite")  # slow: by day on PostgreSQL alone


@pytest.mark.parametrize("action", [("status",), ("dead", "list"), ("purge", "--keep-days", "90")])
def test_a_database_out_of_reach_is_said_in_a_line(process_environment: dict[str, str], action: tuple[str, ...]) -> None:
    away = process_environment | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"}

    ran = subprocess.run([sys.executable, "manage.py", "bus", *action], cwd=ROOT, env=away, capture_output=True, text=True, check=False)

    assert ran.returncode == 3
    assert ran.stderr.startswith("CommandError: The database cannot be used: ")
    assert "Traceback" not in ran.stderr
