"""`./dev bench rest`: the memory of `./dev run` at rest, and how long it takes to its first answer.

A new market with the demo is started, left alone for a while, and measured: the proportional set size (PSS) of each process, in which what
several share is counted once. Then it is stopped and started again, a few times. With `--clone` the start is that of a fresh clone: its
environment is made as well, from what pip has in its cache.
"""

import json
import os
import subprocess
import tempfile
import time
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from statistics import median

import psutil

from deploy import report
from deploy.client import Client, Request
from deploy.servers.ports import free_port

_ROOT = Path(__file__).resolve().parent.parent
_PATIENCE_S = 300.0
_ROW = "{:<24} {:>10}"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev bench rest` takes."""
    parser.add_argument("--seconds", type=float, default=20.0, help="how long it rests before its memory is measured (default: 20)")
    parser.add_argument("--restarts", type=int, default=5, help="how often it is started again (default: 5)")
    parser.add_argument("--clone", action="store_true", help="begin with a clone of this checkout's last commit")


def run(options: Namespace) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="gdmarket-rest-") as folder:
        checkout = _ROOT
        if options.clone:
            checkout = Path(folder) / "clone"
            subprocess.run(["git", "clone", "-q", str(_ROOT), str(checkout)], check=True)
        report.progress("Starting a new market …")
        market, first_s = _start(checkout, Path(folder) / "data")
        time.sleep(options.seconds)
        memory = {f"{process.name()} {process.pid}": _pss_mb(process.pid) for process in (market, *market.children(recursive=True))}
        _stop(market)
        restarts = []
        for _ in range(options.restarts):
            market, took_s = _start(checkout, Path(folder) / "data")
            restarts.append(took_s)
            _stop(market)
    if options.json:
        print(json.dumps({"pss_mb": memory, "first_answer_s": first_s, "restarts_s": restarts}))
        return
    print(report.machine())
    for name, size in [*memory.items(), ("all", sum(memory.values()))]:
        print(_ROW.format(name, f"{size:.0f} MB"))
    print(_ROW.format("first answer, new market", f"{first_s:.1f} s"))
    if restarts:
        print(_ROW.format("first answer, again", f"{median(restarts):.1f} s"), f"[{min(restarts):.1f} to {max(restarts):.1f}]")


def _start(checkout: Path, data: Path) -> tuple[psutil.Popen, float]:
    port = free_port()
    environment = {**os.environ, "GDMARKET_PORT": str(port), "GDMARKET_DATA_DIR": str(data), "DATABASE_URL": ""}
    began = time.perf_counter()
    market = psutil.Popen(["./dev", "run"], cwd=checkout, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while time.perf_counter() - began < _PATIENCE_S and market.poll() is None:
        with suppress(OSError, HTTPException):
            Client(port).send(Request(path="/health/live"))
            return market, time.perf_counter() - began
        time.sleep(0.02)
    market.kill()
    raise SystemExit("The market did not start: ./dev run says why.")


def _stop(market: psutil.Popen) -> None:
    market.terminate()
    market.wait(60)


def _pss_mb(pid: int) -> float:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return int(fields["Pss"].split()[0]) / 1024
