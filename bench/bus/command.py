"""`./dev bench bus`: throughput and latency of deliveries, stuck lanes and recovery, on a database of its own.

`commits` is the machine's own limit: one connection that commits one row at a time. It and `throughput` are measured in turn, round by
round, and compared within their round.
"""

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING

import django
from django.db import connection

from bench.bus.peers import running as peers
from bench.market import open_database
from deploy import report
from deploy.report import Figure, progress

if TYPE_CHECKING:
    from bench.bus.backlog import Backlog

PARTS = {
    "commits": "one-row commits a second on one connection",
    "throughput": "deliveries a second of the status view's handler, by one relay and by two",
    "stuck": "what 100 000 deliveries stuck in two lanes cost the other lanes",
    "latency": "from the event's commit to the view's, at half of the throughput (PostgreSQL only)",
    "recovery": "how long lanes wait for a relay that was killed with `kill -9`",
}
_PEERS_ITEMS = 20_000
_ONE, _TWO = "one relay", "two relays"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev bench bus` takes."""
    parser.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    help_ = "; ".join(f"{name}: {summary}" for name, summary in PARTS.items())
    parser.add_argument("--only", nargs="+", choices=list(PARTS), metavar="PART", default=list(PARTS), help=help_)
    parser.add_argument("--seconds", type=float, default=15.0, help="how long each rate is measured (default: 15)")
    parser.add_argument("--rounds", type=int, default=3, help="how often commits and throughput are measured in turn (default: 3)")
    parser.add_argument("--peers", action="store_true", help="run django-reliable-outbox and PgQueuer as well; downloads them")
    parser.add_argument("--deliveries", type=int, default=120_000, help="how many are pending when a measurement begins (default: 120000)")


def run(options: Namespace) -> None:
    """Measure and print."""
    parts = [part for part in options.only if options.database == "postgresql" or part != "latency"]
    if not parts:
        sys.exit(f"Only on PostgreSQL: {', '.join(options.only)}.")
    with open_database(database=options.database) as folder:
        django.setup()
        from bench.bus import latency, recovery, stuck_lanes  # noqa: PLC0415  # models exist only after setup()
        from bench.bus.backlog import Backlog  # noqa: PLC0415

        backlog = Backlog(deliveries=options.deliveries, folder=folder)
        rates = _rates(parts, seconds=options.seconds, rounds=options.rounds, backlog=backlog)
        figures = _ratios(rates)
        if "stuck" in parts:
            progress("stuck lanes")
            figures += stuck_lanes.measure(seconds=options.seconds, backlog=backlog)
        if "latency" in parts:
            progress("latency")
            figures += latency.measure(
                rate=median(rates.get(_ONE) or [backlog.throughput(relays=1, seconds=options.seconds)]) / 2,
                seconds=options.seconds,
                backlog=backlog,
            )
        if "recovery" in parts:
            progress("recovery")
            figures += recovery.measure(backlog=backlog)
        if options.peers:
            figures += peers.measure(items=_PEERS_ITEMS, rounds=options.rounds, relay=rates.get(_ONE, []))
        notes = {
            "database": options.database,
            "server": _server(),
            "load": f"{backlog}; {options.seconds:g} s a rate; {options.rounds} rounds",
        }
    report.print_figures(figures=figures, notes=notes, as_json=options.json)


def _rates(parts: Sequence[str], *, seconds: float, rounds: int, backlog: "Backlog") -> dict[str, list[float]]:
    """Measure in turn, so that a machine that grows slower meanwhile does not favour anyone."""
    measurements: dict[str, tuple[str, Callable[[], float]]] = {
        "commits": ("commits", lambda: _commits(seconds=min(seconds, 5))),
        _ONE: ("throughput", lambda: backlog.throughput(relays=1, seconds=seconds)),
        _TWO: ("throughput", lambda: backlog.throughput(relays=2, seconds=seconds)),
    }
    rates: dict[str, list[float]] = {}
    for round_ in range(1, rounds + 1):
        for name, (part, measure) in measurements.items():
            if part in parts:
                progress(f"round {round_} of {rounds}: {name}")
                rates.setdefault(name, []).append(measure())
    return rates


def _commits(*, seconds: float) -> float:
    """Return how many rows a second one connection inserts, each in a durable transaction of its own."""
    key = "bigserial" if connection.vendor == "postgresql" else "integer"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE IF NOT EXISTS bench_commit (id {key} PRIMARY KEY, note text)")
        raw = cursor.cursor  # the driver's own, without Django around it
        done, began_at = 0, time.perf_counter()
        while time.perf_counter() - began_at < seconds:
            raw.execute("INSERT INTO bench_commit (note) VALUES ('a fact')")
            done += 1
        return done / (time.perf_counter() - began_at)


def _ratios(rates: dict[str, list[float]]) -> list[Figure]:
    figures = [Figure(what=name, values=values, unit="per s") for name, values in rates.items()]
    one, two = rates.get(_ONE, []), rates.get(_TWO, [])
    if one:
        figures.append(_ratio(f"{_TWO} / {_ONE}", two, one, aim="more than 1"))
    if one and "commits" in rates:
        figures += [_ratio(f"{name} / commits", rates[name], rates["commits"]) for name in (_ONE, _TWO)]
    return figures


def _ratio(what: str, ours: Sequence[float], theirs: Sequence[float], *, aim: str = "") -> Figure:
    return Figure(what=what, values=[mine / other for mine, other in zip(ours, theirs, strict=True)], unit="x", aim=aim)


def _server() -> str:
    if connection.vendor == "sqlite":
        return "SQLite, WAL, synchronous=FULL"
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit')")
        return "PostgreSQL {}, fsync {}, synchronous_commit {}".format(*cursor.fetchone())
