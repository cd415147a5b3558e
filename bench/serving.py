"""Servers to measure: a revision served on a database of its own, and the loads for it."""

import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path

import psycopg

from bench.paid_requests import PaidRequests
from bench.revisions import Revision
from deploy.client import API, RENTERS, Client, Request
from deploy.local.supervisor import answers
from deploy.servers.ports import free_port
from deploy.servers.process import ServerProcess
from deploy.unlimited import UNLIMITED

_ITEMS = 32
_ITEM = {"name": "벤치 드릴", "category": "공구", "place": "성수역", "daily_price": 1000, "latitude": 37.5, "longitude": 127.0}
Load = Callable[[int], Iterable[Request | bytes]]


@contextmanager
def served(revision: Revision, url: str, *, workers: int) -> Iterator[int]:
    """Serve a revision on a database for the length of the block, as `./dev run` does; gives the port."""
    with tempfile.TemporaryDirectory(prefix="gdmarket-compare-") as data:
        port = free_port()
        settings: Mapping[str, str] = {
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "GDMARKET_DATA_DIR": data,
            "GDMARKET_LOG_LEVEL": "WARNING",
            "GDMARKET_PORT": str(port),
            "GDMARKET_SECRET_KEY": secrets.token_urlsafe(48),
            "GDMARKET_WORKERS": str(workers),
            "PYTHONPATH": str(revision.folder),
            **UNLIMITED,
        }
        command = [revision.python, "-m", "config.serve"]
        server = ServerProcess(command, log=Path(data) / "server.log", folder=revision.folder, environment=os.environ | settings)
        try:
            server.start(is_ready=lambda: answers(port=port, path="/health/ready"), timeout_s=180)
            yield port
        finally:
            server.stop()


def new_database(url: str) -> str:
    """Create a database on a server and return its URL."""
    name = f"revision_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{url.rpartition('/')[0]}/{name}"


def loads_on(port: int) -> tuple[int, dict[str, Load]]:
    """Return the port and the loads on it; the items and the renters of paid requests are made."""
    client = Client(port)
    renter, manager = client.sign_in(RENTERS[0]), client.sign_in("manager@example.com")
    new_item = Request(method="POST", path=f"{API}/items", token=manager, body=_ITEM)
    items = [json.loads(client.send(new_item)[1])["id"] for _ in range(_ITEMS)]
    # Each client is a neighbour of its own: what one renter does at once goes one after the other, under the renter's lock.
    renters = [client.register(email=f"bench-{number}@example.com") for number in range(1, _ITEMS)]
    paid = PaidRequests(items=items, tokens=[renter, *renters])
    rental = json.loads(client.send(next(paid.of(0)))[1])["id"]
    client.close()

    def reading(path: str, token: str = "") -> Load:
        return lambda _: repeat(Request(path=path, token=token))

    loads: dict[str, Load] = {
        "GET /health/live": reading("/health/live"),
        "GET /status/rentals/{id}": reading(f"{API}/status/rentals/{rental}", renter),
        "GET /items?limit=20": reading(f"{API}/items?limit=20"),
        "GET /items?near=": reading(f"{API}/items?limit=20&near=37.5446,127.0559"),
        "GET /status/rentals?limit=20": reading(f"{API}/status/rentals?limit=20", renter),
        "POST /rentals with payment": paid.of,
    }
    return port, loads
