"""`./dev bench compare REV --http`: requests a second of two revisions' whole servers, in turn, at one client and at eight."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from statistics import median

from bench.foreign import ForeignLoad
from bench.revisions import Revision
from bench.serving import loads_on, new_database, served
from bench.wire import Measured, closed_loop
from deploy import report
from deploy.report import progress
from deploy.servers.postgresql import running_postgresql

_ROW = "{:<11} {:<28} {:>7} {:>7} {:>7} {:>5} {:>10} {:>15} {:>15} {:>7}"
_HEADER = ("database", "request", "clients", "old /s", "new /s", "×", "low-high", "old p50/p99 ms", "new p50/p99 ms", "failed")
# One row's rounds, old and new.
Rounds = list[tuple[Measured, Measured]]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `--http` takes besides."""
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both", help="with --http (default: both)")
    parser.add_argument("--workers", type=int, default=1, help="with --http: server processes of each (default: 1)")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8], help="with --http: how many ask at once (default: 1 and 8)")
    parser.add_argument("--seconds", type=float, default=4.0, help="with --http: how long a load lasts (default: 4)")


def run(options: Namespace, *, old: Revision, new: Revision) -> None:
    """Measure and print."""
    results: dict[str, dict[tuple[str, int], Rounds]] = {}
    with ForeignLoad() as foreign:
        for database in ("sqlite", "postgresql") if options.database == "both" else (options.database,):
            results[database] = _measure(database, (old, new), options)
    about = {"machine": report.machine(), "old": old.name, "new": new.name}
    about["load"] = f"{options.workers} server processes each, {options.seconds:g} s a load, {options.rounds} rounds in turn"
    about["CPU used by other processes"] = f"{foreign.share:.0%} of all cores"
    if options.json:
        rows = [
            {
                "database": database,
                "request": what,
                "clients": clients,
                "rounds": [[asdict(side) for side in round_] for round_ in rounds],
            }
            for database, loads in results.items()
            for (what, clients), rounds in loads.items()
        ]
        print(json.dumps({**about, "rows": rows}))
        return
    for name, text in about.items():
        print(f"{name}: {text}")
    print(_ROW.format(*_HEADER))
    for database, loads in results.items():
        for (what, clients), rounds in loads.items():
            print(_ROW.format(database, what, clients, *_cells(rounds)))


def _measure(database: str, both: Sequence[Revision], options: Namespace) -> dict[tuple[str, int], Rounds]:
    with ExitStack() as stack:
        url = stack.enter_context(running_postgresql(durable=True)) if database == "postgresql" else ""
        sides = [loads_on(stack.enter_context(served(side, new_database(url) if url else "", workers=options.workers))) for side in both]
        results: dict[tuple[str, int], Rounds] = {}
        for number in range(1, options.rounds + 1):
            for what in sides[0][1]:
                for clients in options.clients:
                    progress(f"{database}, round {number} of {options.rounds}: {what}, {clients} at once")
                    old, new = (
                        closed_loop(port=port, requests=loads[what], clients=clients, seconds=options.seconds) for port, loads in sides
                    )
                    results.setdefault((what, clients), []).append((old, new))
    return results


def _cells(rounds: Rounds) -> Iterator[str]:
    per_s = [(old.requests_per_s, new.requests_per_s) for old, new in rounds]
    ratios = [new / old if old else float("nan") for old, new in per_s]
    yield from (f"{median(pair[side] for pair in per_s):.0f}" for side in (0, 1))
    yield from (f"{median(ratios):.1f}", f"{min(ratios):.1f}-{max(ratios):.1f}")
    for side in (0, 1):
        yield "/".join(f"{median(getattr(pair[side], cut) for pair in rounds):.1f}" for cut in ("p50_ms", "p99_ms"))
    yield str(sum(old.failed + new.failed for old, new in rounds))
