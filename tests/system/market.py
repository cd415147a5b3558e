"""A market to look at in a browser: the demo's data, and many rows of one manager."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from tests.e2e.http_client import HttpClient
from tests.e2e.served import Served

PASSWORD = "gdmarket-demo"
# As long as names of people who sell get.
LONG_NAME = "캠핑용 4인 원터치 텐트, 방수포·그라운드시트·팩 20개 포함 (2024년형, 한 번 쓴 새것 같은 중고)"


@contextmanager
def running_market(folder: Path, **settings: str) -> Iterator[Served]:
    """Run a server with the demo's data, on SQLite: pages look the same on both databases."""
    served = Served({**os.environ, "DATABASE_URL": "", "GDMARKET_DATA_DIR": str(folder), **settings}, folder / "output")
    family = served.family()
    try:
        yield served
    finally:
        for process in family:
            if process.is_running():
                process.kill()
        psutil.wait_procs(family, timeout=20)
        served.process.wait()


def client_of(market: Served, email: str) -> HttpClient:
    """Return a client of the API that is signed in."""
    client = HttpClient(market.port)
    client.sign_in(email, PASSWORD)
    return client


def register_item(manager: HttpClient, name: str, **details: Any) -> str:
    """Register an item through the API, and return its id."""
    usual = {"category": "캠핑", "daily_price": 12_000, "deposit": 30_000, "latitude": 37.5446, "longitude": 127.0559, "place": "성수역"}
    status, item = manager.call("POST", "/api/v1/items", {"name": name, "description": "", "currency": "KRW", **usual, **details})
    assert status == 201, item
    return str(item["id"])


def request_rental(
    renter: HttpClient, item_id: str, *, starts_in: timedelta = timedelta(), lasting: timedelta = timedelta(days=1), is_paid: bool = True
) -> str:
    """Request an item through the API, pay at once if `is_paid`, and return the rental's id."""
    starts_at = datetime.now(UTC) + starts_in
    period = {"ends_at": f"{starts_at + lasting:%Y-%m-%dT%H:%M:%SZ}"}
    if starts_in:
        period["starts_at"] = f"{starts_at:%Y-%m-%dT%H:%M:%SZ}"
    status, rental = renter.call("POST", "/api/v1/rentals", {"item": item_id, **period, **({"payment_method": "pm_ok"} if is_paid else {})})
    assert status == 201, rental
    return str(rental["id"])


def fill_with_rows(market: Served, *, items: int) -> None:
    """Give the demo's first manager so many items more, each with a rental now and one later."""
    manager, renter = client_of(market, "manager@example.com"), client_of(market, "renter2@example.com")
    for number in range(items):
        item_id = register_item(manager, f"{LONG_NAME} {number}" if number % 4 == 0 else f"캠핑 의자 {number}")
        if number % 2 == 0:
            request_rental(renter, item_id, starts_in=timedelta(days=5 + number % 5), lasting=timedelta(days=2))
            request_rental(renter, item_id, lasting=timedelta(days=1 + number % 3), is_paid=number > 0)
