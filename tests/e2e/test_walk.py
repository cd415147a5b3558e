"""`./dev walk`, the smoke test of a deployment, against a real server: it walks to the end, and stops where something is wrong."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.served import ROOT, Served

pytestmark = pytest.mark.nightly("sqlite")  # slow: by day on PostgreSQL alone


@pytest.fixture
def served(process_environment: dict[str, str], tmp_path: Path) -> Iterator[Served]:
    served = Served(process_environment | {"GDMARKET_DATA_DIR": str(tmp_path)}, tmp_path / "output")
    family = served.family()
    yield served
    for process in family:
        if process.is_running():
            process.kill()
    served.process.wait()


def walk(served: Served, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.walk", f"http://127.0.0.1:{served.port}", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def items(served: Served) -> list[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{served.port}/api/v1/items?q=Walking+stick") as answer:
        return [item["name"] for item in json.load(answer)["results"]]


def test_one_rental_is_walked_and_nothing_stays_for_rent(served: Served) -> None:
    walked = walk(served)

    assert (walked.returncode, walked.stderr) == (0, "")
    said = [line.removeprefix("walk: ") for line in walked.stdout.splitlines()]
    assert said[-7:-1] == [
        *("paid", "rented", "returned", "returned, says the status view"),
        *("paid 1000 KRW, given back 0 KRW", "withdrew the item"),
    ]
    assert items(served) == []


def test_a_rental_that_was_called_off_has_its_money_back(served: Served) -> None:
    walked = walk(served, "--cancel")

    assert (walked.returncode, walked.stderr) == (0, "")
    assert "walk: paid 1000 KRW, given back 1000 KRW\n" in walked.stdout
    assert items(served) == []


def test_a_look_changes_nothing_and_a_wrong_password_ends_the_walk(served: Served) -> None:
    looked, refused = walk(served, "--look"), walk(served, "--password", "not-the-demo-s")

    assert (looked.returncode, "signed in" in looked.stdout) == (0, False)
    assert refused.returncode == 1
    assert refused.stderr.startswith("walk: POST /api/v1/auth/token: 401 instead of 200:")
    assert items(served) == []
