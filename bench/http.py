"""`./dev bench http`: requests per second and latency of the status view and of paid requests, on both databases.

The machine's own speed stands beside every figure: `bare` is a request that touches nothing, measured in the same run.
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import count, repeat

from bench import report
from bench.load import Ask, Client, Measured, load
from bench.market import open_market

API = "/api/v1"
PASSWORD = "gdmarket-demo"
_ROW = "{:<11} {:<34} {:>9} {:>9} {:>9} {:>7} {:>9}"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev bench http` takes."""
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--clients", type=int, default=8, help="how many ask at once (default: 8)")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long each load lasts (default: 8)")


def run(options: Namespace) -> None:
    """Measure and print."""
    results = {}
    for database in ("sqlite", "postgresql") if options.database == "both" else (options.database,):
        print(f"Measuring on {database}, about {4 * (options.seconds + 1):.0f} s …", file=sys.stderr)
        results[database] = _measure(database=database, clients=options.clients, seconds=options.seconds)
    if options.json:
        print(json.dumps({name: {what: asdict(figures) for what, figures in rows.items()} for name, rows in results.items()}))
    else:
        _print(results, clients=options.clients)


def _measure(*, database: str, clients: int, seconds: float) -> dict[str, Measured]:
    with open_market(database=database) as market:
        client = Client(market.port)
        renter = token(client, email="renter@example.com")
        items = json.loads(client.send(Ask(method="GET", path=f"{API}/items?limit=100&availability=available"))[1])["results"]
        made = client.send(_paid_request(items[-1]["id"], renter, hour=24))
        rental = json.loads(made[1])

        def paid_requests(number: int) -> Iterator[Ask]:
            return (_paid_request(items[number]["id"], renter, hour=hour) for hour in count(1))

        loads: dict[str, Callable[[int], Iterator[Ask]]] = {
            "bare: GET /health/live": lambda _: repeat(Ask(method="GET", path="/health/live")),
            "GET /status/rentals/{id}": lambda _: repeat(Ask(method="GET", path=f"{API}/status/rentals/{rental['id']}", token=renter)),
            "GET /items?near=": lambda _: repeat(Ask(method="GET", path=f"{API}/items?near=37.5446,127.0559")),
            "POST /rentals with payment": paid_requests,
        }
        return {what: load(port=market.port, asks=asks, clients=clients, seconds=seconds) for what, asks in loads.items()}


def token(client: Client, *, email: str) -> str:
    """Sign a demo person in."""
    status, body = client.send(Ask(method="POST", path=f"{API}/auth/token", body={"email": email, "password": PASSWORD}))
    assert status == HTTPStatus.OK, body
    return str(json.loads(body)["access"])


def _paid_request(item_id: str, token: str, *, hour: int) -> Ask:
    starts_at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=hour)
    body = {
        "item": item_id,
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(hours=1)).isoformat(),
        "payment_method": "pm_ok",
    }
    return Ask(method="POST", path=f"{API}/rentals", token=token, body=body)


def _print(results: dict[str, dict[str, Measured]], *, clients: int) -> None:
    print(f"{report.machine()}; {clients} clients in a closed loop")
    print(_ROW.format("database", "request", "per s", "p50 ms", "p99 ms", "failed", "of bare"))
    for database, rows in results.items():
        bare = next(iter(rows.values())).requests_per_s
        for what, figures in rows.items():
            numbers = (f"{figures.requests_per_s:.0f}", f"{figures.p50_ms:.1f}", f"{figures.p99_ms:.1f}", figures.failed)
            print(_ROW.format(database, what, *numbers, f"{figures.requests_per_s / bare:.0%}"))
