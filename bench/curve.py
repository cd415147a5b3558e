"""`./dev bench curve`: how long every list, search, read and write takes in markets of growing size.

Each size has a database of its own, loaded as by `./dev bench load`; the times are medians in process.
"""

import json
import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import plot
from bench.foreign import ForeignLoad
from bench.market import settings_of
from deploy import report
from deploy.report import progress
from deploy.servers.postgresql import running_postgresql
from deploy.servers.process import ROOT


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev bench curve` takes."""
    parser.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="items (default: 10000 100000 1000000)")
    parser.add_argument("--rentals-an-item", type=int, default=5, help="how many rentals for each item (default: 5)")
    parser.add_argument("--rounds", type=int, default=40, help="how often each request is sent (default: 40)")
    parser.add_argument("--seed", type=int, default=1, help="another number gives other rows (default: 1)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it as well, as SVG")


def run(options: Namespace) -> None:
    """Measure and print."""
    times: dict[int, dict[str, float]] = {}
    with ForeignLoad() as foreign:
        for size in options.sizes:
            times[size] = _measure(options, size)
    title = f"{report.machine()}; {options.database}"
    if options.json:
        print(json.dumps({"machine": title, "CPU used by other processes": foreign.share, "times": times}, ensure_ascii=False))
    else:
        print(f"machine: {title}; CPU used by other processes {foreign.share:.0%}; median milliseconds in process of {options.rounds}")
        _print(times)
    if options.plot:
        title = f"Milliseconds in process, {options.database}, rentals for each item: {options.rentals_an_item}"
        options.plot.write_text(plot.draw(times, title=title), encoding="utf-8")


def _measure(options: Namespace, size: int) -> dict[str, float]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gdmarket-curve-")))
        url = ""
        if options.database == "postgresql":
            url = stack.enter_context(running_postgresql(durable=True, options={"max_wal_size": "4GB"}))
        environment = os.environ | settings_of(url=url, folder=folder)
        progress(f"{size} items: loading")
        rentals = size * options.rentals_an_item
        _python("bench", "load", "--items", str(size), "--rentals", str(rentals), "--seed", str(options.seed), environment=environment)
        progress(f"{size} items: measuring")
        times: dict[str, float] = json.loads(_python("bench.endpoint_times", str(options.rounds), environment=environment))
        return times


def _python(*module: str, environment: Mapping[str, str]) -> str:
    return subprocess.run([sys.executable, "-m", *module], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def _print(times: plot.Times) -> None:
    sizes = list(times)
    widths = "{:<40}" + "{:>11}" * (len(sizes) + 1)
    print(widths.format("request", *sizes, "last/first"))
    for name in times[sizes[0]]:
        row: Sequence[float] = [times[size][name] for size in sizes]
        print(widths.format(name, *(f"{value:.2f}" for value in row), f"{row[-1] / row[0]:.1f}"))
