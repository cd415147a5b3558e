"""Real processes on three databases: while the items' database is down, rentals go on; afterwards it catches up."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections

from deploy.servers.waiting import wait_until
from tests.acceptance.conftest import Market
from tests.e2e.conftest import served
from tests.e2e.http_client import HttpClient
from tests.e2e.served import Served

pytestmark = pytest.mark.split

__all__ = ["served"]


@pytest.fixture
def renter(market: Market, served: Served) -> HttpClient:
    credentials: str = market.renter._credentials["HTTP_AUTHORIZATION"]  # type: ignore[attr-defined]  # it has no public name
    return HttpClient(served.port, token=credentials.removeprefix("Bearer "))


@pytest.fixture
def items_file() -> Iterator[tuple[Path, Path]]:
    """Return the path of the items' database, and a folder that it can be moved to."""
    file = Path(connections["items"].settings_dict["NAME"])
    hidden = file.with_name("hidden")
    hidden.mkdir()
    yield file, hidden
    restore_file(file, hidden)


def make_unavailable(file: Path, hidden: Path) -> None:
    """Move the database away and leave a folder in its place, which cannot be opened as a database."""
    connections["items"].close()
    for part in sorted(file.parent.glob(f"{file.name}*")):
        part.rename(hidden / part.name)
    file.mkdir()


def restore_file(file: Path, hidden: Path) -> None:
    if file.is_dir():
        file.rmdir()
    for part in hidden.glob("*"):
        part.rename(file.parent / part.name)


def test_rentals_go_on_while_the_items_database_is_down(
    market: Market, renter: HttpClient, served: Served, items_file: tuple[Path, Path], process_environment: dict[str, str]
) -> None:
    first, second = market.register(name="사다리"), market.register(name="천막")
    wait_until(lambda: renter.call("POST", "/api/v1/rentals", {"item": second["id"]})[0] == 201, "the second item can be rented")

    for relay in served.relays():
        relay.kill()  # it has the file open; the one that replaces it finds it gone
    make_unavailable(*items_file)
    status, rental = renter.call("POST", "/api/v1/rentals", {"item": first["id"]})
    paid, _ = renter.call("POST", f"/api/v1/rentals/{rental['id']}/payment", {"payment_method": "pm_ok"})
    unseen, refusal = renter.call("GET", f"/api/v1/items/{first['id']}")
    ready, health = renter.call("GET", "/health/ready")
    bus_status = subprocess.run(
        [sys.executable, "manage.py", "bus", "status", "--fail-over", "3600"],
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
    wait_until(lambda: renter.call("GET", f"/api/v1/status/rentals/{rental['id']}")[1].get("state") == "paid", "the status view")

    restore_file(*items_file)
    wait_until(lambda: renter.call("GET", f"/api/v1/items/{first['id']}")[1].get("availability") == "reserved", "items catching up")
    trace = subprocess.run(
        [sys.executable, "manage.py", "bus", "dead"], env=process_environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert trace.stdout == "no dead deliveries\n"
