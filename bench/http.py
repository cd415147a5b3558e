"""`./dev bench http`: requests per second and latency of the status view and of paid requests, on both databases.

The machine's own speed stands beside every figure: `bare` is a request that touches nothing, measured in the same run.
"""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import count, repeat

from bench.load import Measured, closed_loop
from bench.market import open_market
from deploy import report
from deploy.client import API, RENTERS, Client, Request

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
        report.progress(f"Measuring on {database}, about {4 * (options.seconds + 1):.0f} s …")
        results[database] = _measure(database=database, clients=options.clients, seconds=options.seconds)
    if options.json:
        print(json.dumps({name: {what: asdict(figures) for what, figures in rows.items()} for name, rows in results.items()}))
        return
    print(f"{report.machine()}; {options.clients} clients in a closed loop")
    print(_ROW.format("database", "request", "per s", "p50 ms", "p99 ms", "failed", "of bare"))
    for database, rows in results.items():
        bare = next(iter(rows.values())).requests_per_s
        for what, row in rows.items():
            numbers = (f"{row.requests_per_s:.0f}", f"{row.p50_ms:.1f}", f"{row.p99_ms:.1f}", row.failed)
            print(_ROW.format(database, what, *numbers, f"{row.requests_per_s / bare:.0%}"))


def _measure(*, database: str, clients: int, seconds: float) -> dict[str, Measured]:
    with open_market(database=database) as port:
        client = Client(port)
        renter = client.sign_in(RENTERS[0])
        items = json.loads(client.send(Request(path=f"{API}/items?limit=100&availability=available"))[1])["results"]
        rental = json.loads(client.send(_paid_request(items[-1]["id"], renter, hour=24))[1])

        def paid_requests(number: int) -> Iterator[Request]:
            return (_paid_request(items[number]["id"], renter, hour=hour) for hour in count(1))

        loads: dict[str, Callable[[int], Iterator[Request]]] = {
            "bare: GET /health/live": lambda _: repeat(Request(path="/health/live")),
            "GET /status/rentals/{id}": lambda _: repeat(Request(path=f"{API}/status/rentals/{rental['id']}", token=renter)),
            "GET /items?near=": lambda _: repeat(Request(path=f"{API}/items?near=37.5446,127.0559")),
            "POST /rentals with payment": paid_requests,
        }
        return {what: closed_loop(port=port, requests=requests, clients=clients, seconds=seconds) for what, requests in loads.items()}


def _paid_request(item_id: str, token: str, *, hour: int) -> Request:
    starts_at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=hour)
    body = {
        "item": item_id,
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(hours=1)).isoformat(),
        "payment_method": "pm_ok",
    }
    return Request(method="POST", path=f"{API}/rentals", token=token, body=body)
