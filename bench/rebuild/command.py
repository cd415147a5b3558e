"""`./dev bench rebuild`: rebuild the status view of a large market, first unwatched, then while people read it over HTTP.

The first rebuild fills an empty view; its time is what the second one's is compared with. A read that is refused, empty or other than
before is counted.
"""

import sys
import time
from argparse import ArgumentParser, Namespace
from concurrent.futures import ThreadPoolExecutor

from bench import report
from bench.market import Market, enter, manage, open_market
from bench.rebuild import reading
from bench.rebuild.reading import Read
from bench.report import Figure


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev bench rebuild` takes."""
    parser.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    parser.add_argument("--rentals", type=int, default=200_000, help="how many rentals the market has (default: 200000)")
    parser.add_argument("--reads", type=float, default=50.0, help="reads a second (default: 50)")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long is read before the rebuild (default: 15)")


def run(options: Namespace) -> None:
    """Measure and print."""
    with open_market(database=options.database) as market:
        enter(market.environment)
        figures = _measure(market, rentals=options.rentals, reads=options.reads, seconds=options.seconds)
    load = f"{options.rentals} rentals, {options.reads:g} reads a second in an open loop, one server process, one relay"
    report.print_figures(figures=figures, notes={"database": options.database, "load": load}, as_json=options.json)


def _measure(market: Market, *, rentals: int, reads: float, seconds: float) -> list[Figure]:
    from bench.rebuild import loading  # noqa: PLC0415  # models exist only after setup()

    _tell(f"Loading {rentals} rentals")
    began_at = time.perf_counter()
    items = loading.load_market(rentals=rentals, renters=reading.RENTERS, managers=reading.MANAGERS)
    loaded_s = time.perf_counter() - began_at
    _tell("Rebuilding, unwatched")
    unwatched_s = _rebuild()
    readers = reading.Readers(port=market.port)
    _tell(f"Reading for {seconds:g} s")
    ends_at = time.perf_counter() + seconds
    before = readers.read(rate=reads, is_over=lambda: time.perf_counter() >= ends_at)
    _tell("Rebuilding, watched")
    with ThreadPoolExecutor(1) as beside:
        rebuilding = beside.submit(_rebuild)
        during = readers.read(rate=reads, is_over=rebuilding.done)
    _tell("Checking")
    is_wrong = manage("check_status_view").returncode
    return [
        Figure(what="loading the owners' tables and the log", values=[loaded_s], unit="s"),
        *_of_rebuilds(unwatched_s=unwatched_s, watched_s=rebuilding.result(), rows=rentals + items),
        *_of_reads(before=before, during=during),
        Figure(what="exit code of check_status_view afterwards", values=[is_wrong], unit="", aim="0"),
    ]


def _rebuild() -> float:
    """Rebuild by the command that operators use; return how many seconds it took."""
    began_at = time.perf_counter()
    if manage("rebuild_status_view").returncode:
        sys.exit("The rebuild did not succeed.")
    return time.perf_counter() - began_at


def _of_rebuilds(*, unwatched_s: float, watched_s: float, rows: int) -> list[Figure]:
    return [
        Figure(what="rebuild, unwatched", values=[unwatched_s], unit="s"),
        Figure(what="rebuild, unwatched", values=[rows / unwatched_s], unit="rows/s"),
        Figure(what="rebuild, watched", values=[watched_s], unit="s"),
        Figure(what="rebuild, watched", values=[rows / watched_s], unit="rows/s"),
    ]


def _of_reads(*, before: Read, during: Read) -> list[Figure]:
    figures = []
    for when, read in (("before", before), ("during", during)):
        figures += [
            Figure(what=f"reads {when}", values=[read.answered], unit=""),
            Figure(what=f"failed reads {when}", values=[read.failed], unit="", aim="0"),
            Figure(what=f"reads {when} that told something else", values=[read.differing], unit="", aim="0"),
            Figure(what=f"latency of reads {when}, p50", values=[read.p50_ms], unit="ms"),
            Figure(what=f"latency of reads {when}, p99", values=[read.p99_ms], unit="ms"),
        ]
    return [
        *figures,
        Figure(what="latency during / before, p50", values=[during.p50_ms / before.p50_ms], unit="x"),
        Figure(what="latency during / before, p99", values=[during.p99_ms / before.p99_ms], unit="x"),
    ]


def _tell(what: str) -> None:
    print(f"{what} …", file=sys.stderr, flush=True)
