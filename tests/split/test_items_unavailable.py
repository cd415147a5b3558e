"""Real processes on three databases: while the items' database is down, rentals go on; afterwards it catches up."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from deploy.servers.waiting import wait_until
from tests.acceptance.conftest import Market
from tests.e2e.conftest import served
from tests.e2e.served import Served

pytestmark = pytest.mark.split

__all__ = ["served"]


class Caller:
    """A client over HTTP."""

    def __init__(self, served: Served, token: str) -> None:
        self._served, self._token = served, token

    def __call__(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._served.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": self._token},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)


@pytest.fixture
def renter(market: Market, served: Served) -> Caller:
    return Caller(served, market.renter._credentials["HTTP_AUTHORIZATION"])  # type: ignore[attr-defined]  # its only way to tell


@pytest.fixture
def items_away() -> Iterator[tuple[Path, Path]]:
    """Return where the items' database is, and where it can be put out of everybody's reach."""
    file = Path(connections["items"].settings_dict["NAME"])
    hidden = file.with_name("hidden")
    hidden.mkdir()
    yield file, hidden
    bring_back(file, hidden)


def take_away(file: Path, hidden: Path) -> None:
    """Move the database away and leave a folder in its place, which nobody can open as a database."""
    connections["items"].close()
    for part in sorted(file.parent.glob(f"{file.name}*")):
        part.rename(hidden / part.name)
    file.mkdir()


def bring_back(file: Path, hidden: Path) -> None:
    if file.is_dir():
        file.rmdir()
    for part in hidden.glob("*"):
        part.rename(file.parent / part.name)


def test_rentals_go_on_while_the_items_database_is_down(
    market: Market, renter: Caller, served: Served, items_away: tuple[Path, Path], process_environment: dict[str, str]
) -> None:
    first, second = market.register(name="사다리"), market.register(name="천막")
    wait_until(lambda: renter("POST", "/api/v1/rentals", {"item": second["id"]})[0] == 201, "the second item can be rented")

    for relay in served.relays():
        relay.kill()  # it holds the file open; a new one comes and finds it gone
    take_away(*items_away)
    status, rental = renter("POST", "/api/v1/rentals", {"item": first["id"]})
    paid, _ = renter("POST", f"/api/v1/rentals/{rental['id']}/payment", {"payment_method": "pm_ok"})
    unseen, refusal = renter("GET", f"/api/v1/items/{first['id']}")
    ready, health = renter("GET", "/health/ready")
    bus_status = subprocess.run(
        [sys.executable, "manage.py", "bus", "status", "--sample", "0", "--fail-over", "3600"],
        env=process_environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (status, paid) == (201, 200)
    assert (unseen, refusal["code"]) == (503, "database_unavailable")
    assert (ready, health["away"]) == (200, ["database items"])
    assert (bus_status.returncode, "items: database away" in bus_status.stderr) == (1, True)
    wait_until(lambda: renter("GET", f"/api/v1/status/rentals/{rental['id']}")[1].get("state") == "paid", "the view, which goes on")

    bring_back(*items_away)
    wait_until(lambda: renter("GET", f"/api/v1/items/{first['id']}")[1].get("availability") == "reserved", "items catching up")
    trace = subprocess.run(
        [sys.executable, "manage.py", "bus", "dead"], env=process_environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert trace.stdout == "no dead deliveries\n"
