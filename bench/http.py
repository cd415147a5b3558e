"""`./dev bench http`: requests per second and latency of the status view and of paid requests, on both databases.

The machine's own speed stands beside every figure: `bare` is a request that touches nothing, measured in the same run.
"""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import repeat

from bench.market import open_market
from bench.paid_requests import PaidRequests
from bench.wire import Measured, closed_loop
from deploy import report
from deploy.client import API, Client, Request

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
        items = json.loads(client.send(Request(path=f"{API}/items?limit=100&availability=available"))[1])["results"]
        renters = [client.register(email=f"bench-{number}@example.com") for number in range(clients)]
        paid = PaidRequests(items=[item["id"] for item in items], tokens=renters)
        rental = json.loads(client.send(next(paid.of(clients - 1)))[1])
        loads: dict[str, Callable[[int], Iterable[Request | bytes]]] = {
            "bare: GET /health/live": lambda _: repeat(Request(path="/health/live")),
            "GET /status/rentals/{id}": lambda _: repeat(Request(path=f"{API}/status/rentals/{rental['id']}", token=renters[-1])),
            "GET /items?near=": lambda _: repeat(Request(path=f"{API}/items?near=37.5446,127.0559")),
            "POST /rentals with payment": paid.of,
        }
        return {what: closed_loop(port=port, requests=requests, clients=clients, seconds=seconds) for what, requests in loads.items()}
