"""`./dev bench compare REV`: another revision and this one, measured in turn: CPU time, statements and, with --http, requests a second.

Each answers in processes of its own, on databases of its own with the demo. Figures for the record, never a pass or a fail.
"""

import json
import os
import subprocess
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bench import compare_http, revisions
from bench.foreign import ForeignLoad
from bench.request_costs import BARE
from bench.revisions import Revision
from deploy import report
from deploy.report import progress
from deploy.unlimited import UNLIMITED

_ROW = "{:<34} {:>8} {:>8} {:>7} {:>13} {:>7} {:>7} {:>9} {:>9}"
_HEADER = ("request", "old ms", "new ms", "÷", "lowest-highest", "old ×", "new ×", "old st/tx", "new st/tx")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev bench compare` takes."""
    parser.add_argument("revision", metavar="REV", help="the other revision, as git names it: a tag, a branch, a commit")
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured (default: 7; with --http: 3)")
    parser.add_argument("--requests", type=int, default=100, help="requests of each read in a round (default: 100)")
    parser.add_argument("--http", action="store_true", help="measure requests a second of both servers instead")
    compare_http.add_arguments(parser)


def run(options: Namespace) -> None:
    """Measure and print."""
    old, new = revisions.built(options.revision), revisions.this()
    progress(f"old: {old.name}, new: {new.name}")
    if options.http:
        compare_http.run(options, old=old, new=new)
        return
    with ForeignLoad() as foreign:
        tallies, rounds = _measure([old, new], rounds=options.rounds, requests=options.requests)
    about = {
        "machine": report.machine(),
        "old": old.name,
        "new": new.name,
        "CPU used by other processes": f"{foreign.share:.0%} of all cores",
    }
    if options.json:
        print(json.dumps({**about, "rounds": rounds, "tallies": tallies}, ensure_ascii=False))
        return
    for name, text in about.items():
        print(f"{name}: {text}")
    print(f"CPU milliseconds, the best of {options.rounds} rounds; ÷: old / new; ×: of a bare view; statements/transactions+single writes")
    print(_ROW.format(*_HEADER))
    for line in _lines(tallies, rounds):
        print(line)


def _measure(both: Sequence[Revision], *, rounds: int, requests: int) -> tuple[list[Any], list[list[dict[str, float]]]]:
    """Return what each asks of the database, and the times of both of each round."""
    with ExitStack() as stack:
        workers = [stack.enter_context(_worker(revision)) for revision in both]
        tallies = [_ask(worker, tallies=True) for worker in workers]
        times: list[list[dict[str, float]]] = []
        for number in range(1 + rounds):
            progress(f"round {number} of {rounds}" if number else "warming up")
            times.append([_ask(worker, reads=requests, writes=max(5, requests // 8)) for worker in workers])
    return tallies, times[1:]


def _lines(tallies: Sequence[Mapping[str, Sequence[int]]], rounds: Sequence[Sequence[Mapping[str, float]]]) -> Iterator[str]:
    missing = float("nan")
    for name in rounds[0][1]:
        old, new = ([times[which].get(name, missing) for times in rounds] for which in (0, 1))
        ratios = [before / after for before, after in zip(old, new, strict=True)]
        bare = [min(times[which][BARE] for times in rounds) for which in (0, 1)]
        counted = [_tally(tally.get(name)) for tally in tallies]
        span = f"{min(ratios):.1f}-{max(ratios):.1f}"
        yield _ROW.format(
            name,
            f"{min(old):.3f}",
            f"{min(new):.3f}",
            f"{median(ratios):.1f}",
            span,
            f"{min(old) / bare[0]:.1f}",
            f"{min(new) / bare[1]:.1f}",
            *counted,
        )


def _tally(counted: Sequence[int] | None) -> str:
    if counted is None:
        return "-"
    statements, transactions, single = counted
    return f"{statements}/{transactions}" + (f"+{single}" if single else "")


@contextmanager
def _worker(revision: Revision) -> Iterator["subprocess.Popen[str]"]:
    """Run the worker of this checkout in another, on SQLite, for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="gdmarket-compare-") as data:
        settings = {"DJANGO_SETTINGS_MODULE": "config.settings", "GDMARKET_DATA_DIR": data, "GDMARKET_SECRET_KEY": "x" * 50}
        settings |= {"GDMARKET_LOG_LEVEL": "WARNING", "PYTHONPATH": str(revision.folder), "DATABASE_URL": "", **UNLIMITED}
        # -P: the folder of the script has modules that are called like the standard library's.
        command = [revision.python, "-P", str(Path(__file__).with_name("request_costs.py"))]
        log = Path(data) / "log"
        with log.open("w") as errors:
            worker = subprocess.Popen(
                command,
                cwd=revision.folder,
                env=os.environ | settings,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        try:
            yield worker
        except BrokenWorkerError:
            progress(f"{revision.name}:\n{log.read_text()[-2000:]}")
            raise
        finally:
            worker.kill()
            worker.communicate()


class BrokenWorkerError(RuntimeError):
    """A worker ended before it answered; its log was printed."""


def _ask(worker: "subprocess.Popen[str]", **what: object) -> Any:
    assert worker.stdin is not None
    assert worker.stdout is not None
    print(json.dumps(what), file=worker.stdin, flush=True)
    answer = worker.stdout.readline()
    if not answer:
        raise BrokenWorkerError("a worker ended before it answered")
    return json.loads(answer)
