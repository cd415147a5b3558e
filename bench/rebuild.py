"""`./dev bench rebuild`: rebuild the status view of a large market, first unwatched, then while people read it over HTTP.

A read that fails, or answers something else than before, is counted.
"""

import json
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from statistics import quantiles
from typing import Any

import django

from bench.market import manage, open_market
from bench.open_loop import open_loop
from deploy import report
from deploy.client import API, RENTERS, Client, Request
from deploy.report import Figure, progress

_RENTALS_A_PERSON = 40


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev bench rebuild` takes."""
    parser.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    parser.add_argument("--rentals", type=int, default=200_000, help="how many rentals there are (default: 200000)")
    parser.add_argument("--reads", type=float, default=50.0, help="reads a second (default: 50)")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long to read before the rebuild (default: 15)")


def run(options: Namespace) -> None:
    """Measure and print."""
    with open_market(database=options.database) as port:
        figures = _measure(port, rentals=options.rentals, reads=options.reads, seconds=options.seconds)
    load = f"{options.rentals} rentals, {options.reads:g} reads a second in an open loop, one server process, one relay"
    report.print_figures(figures=figures, notes={"database": options.database, "load": load}, as_json=options.json)


def _measure(port: int, *, rentals: int, reads: float, seconds: float) -> list[Figure]:
    django.setup()
    from bench import dataset  # noqa: PLC0415  # models exist only after setup()

    progress(f"Loading {rentals} rentals")
    rows = rentals + dataset.load_market(rentals=rentals)
    progress("Rebuilding, unwatched")
    unwatched_s = _rebuild()
    readers = _Readers(port=port, managers=dataset.MANAGERS)
    progress(f"Reading for {seconds:g} s")
    ends_at = time.perf_counter() + seconds
    before = readers.read("before", rate=reads, is_over=lambda: time.perf_counter() >= ends_at)
    progress("Rebuilding, watched")
    with ThreadPoolExecutor(1) as beside:
        rebuilding = beside.submit(_rebuild)
        during = readers.read("during", rate=reads, is_over=rebuilding.done)
    progress("Checking")
    return [
        Figure(what="rebuild, unwatched", values=[unwatched_s], unit="s"),
        Figure(what="rebuild, unwatched", values=[rows / unwatched_s], unit="rows/s"),
        Figure(what="rebuild, watched", values=[rebuilding.result()], unit="s"),
        Figure(what="rebuild, watched", values=[rows / rebuilding.result()], unit="rows/s"),
        *before,
        *during,
        Figure(what="latency during / before, p50", values=[during[-2].value / before[-2].value], unit="x"),
        Figure(what="latency during / before, p99", values=[during[-1].value / before[-1].value], unit="x"),
        Figure(what="exit code of check_status_view afterwards", values=[manage("check_status_view").returncode], aim="0"),
    ]


def _rebuild() -> float:
    """Rebuild by the command that operators use; return how many seconds it took."""
    began_at = time.perf_counter()
    if manage("rebuild_status_view").returncode:
        sys.exit("The rebuild failed.")
    return time.perf_counter() - began_at


class _Readers:
    """Two managers and three renters, who read their lists and single rentals in turn."""

    def __init__(self, *, port: int, managers: tuple[str, ...]) -> None:
        self._port = port
        client = Client(port)
        self._requests = [request for email in (*RENTERS, *managers) for request in _requests_of(client, email, managers)]
        self._expected = {(request.path, request.token): _results(*client.send(request)) for request in self._requests}

    def read(self, when: str, *, rate: float, is_over: Callable[[], bool]) -> list[Figure]:
        """Read so often a second until `is_over`; return the figures, median and 99th percentile last."""
        answers = open_loop(port=self._port, requests=self._requests, rate=rate, is_over=is_over)
        cuts = quantiles([answer.latency_ms for answer in answers], n=100)
        good = [answer for answer in answers if answer.status == HTTPStatus.OK]
        differing = sum(
            _results(answer.status, answer.body) != self._expected[answer.request.path, answer.request.token] for answer in good
        )
        return [
            Figure(what=f"reads {when}", values=[len(good)]),
            Figure(what=f"failed reads {when}", values=[len(answers) - len(good)], aim="0"),
            Figure(what=f"reads {when} with another answer", values=[differing], aim="0"),
            Figure(what=f"latency of reads {when}, p50", values=[cuts[49]], unit="ms"),
            Figure(what=f"latency of reads {when}, p99", values=[cuts[98]], unit="ms"),
        ]


def _requests_of(client: Client, email: str, managers: tuple[str, ...]) -> list[Request]:
    token = client.sign_in(email)
    lists = [f"{API}/status/rentals?limit={_RENTALS_A_PERSON}", f"{API}/status/rentals?state=returned"]
    if email in managers:
        lists += [f"{API}/status/items", f"{API}/status/items?availability=rented"]
    page = _results(*client.send(Request(path=lists[0], token=token)))
    paths: list[str] = []
    for number, rental in enumerate(page):
        paths += [f"{API}/status/rentals/{rental['id']}", *([lists[number // 4 % len(lists)]] if number % 4 == 0 else [])]
    return [Request(path=path, token=token) for path in paths]


def _results(status: int, body: bytes) -> Any:
    assert status == HTTPStatus.OK, body
    document: Mapping[str, Any] = json.loads(body)
    return document.get("results", document)  # a list's cursors hold the time they were made
