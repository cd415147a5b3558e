"""`./dev heal`: servers and the relay are killed and frozen under load; how long until each is back, and whether a write was lost."""

import json
import secrets
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from bench import report
from deploy.local.cluster import Cluster, open_cluster
from deploy.local.consistency import ConsistencyReport, check_consistency
from deploy.local.faults import all_faults
from deploy.local.results import WorkloadResult
from deploy.local.rollout import SETTINGS, show
from deploy.local.workload import Workload

BACK_S = 15.0
_REST_S = 4.0


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev heal` takes."""
    parser.add_argument("--rounds", type=int, default=1, help="how often each thing is done (default: 1)")
    parser.add_argument("--rate", type=float, default=40.0, help="requests a second meanwhile (default: 40)")
    parser.add_argument("--seed", type=int, help="repeats the choices of an earlier run")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")


def run(options: Namespace) -> int:
    """Fault, wait, print; 0 where all was back within 15 s and nothing was lost."""
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    print(f"The seed is {seed}.", file=sys.stderr)
    with (
        tempfile.TemporaryDirectory(prefix="gdmarket-heal-") as folder,
        open_cluster(folder=Path(folder), settings=SETTINGS, tell=show) as cluster,
    ):
        workload = Workload(port=cluster.port, seed=seed, rate=options.rate)
        workload.start()
        back_s = _hurt(cluster, rounds=options.rounds)
        result = workload.stop()
        consistency = check_consistency(url=cluster.database_url, result=result)
    _print(back_s, result=result, consistency=consistency, seed=seed, as_json=options.json)
    return int(not consistency.is_consistent or max(map(max, back_s.values())) > BACK_S)


def _hurt(cluster: Cluster, *, rounds: int) -> dict[str, list[float]]:
    back_s: dict[str, list[float]] = {}
    for _ in range(rounds):
        for fault in all_faults(cluster):
            time.sleep(_REST_S)
            took_s = fault.inject()
            back_s.setdefault(fault.what, []).append(took_s)
            cluster.tell(f"{fault.what}: back after {took_s:.1f} s")
    return back_s


def _print(back_s: dict[str, list[float]], *, result: WorkloadResult, consistency: ConsistencyReport, seed: int, as_json: bool) -> None:
    figures = {
        "requests meanwhile": result.requests,
        "not answered as they had to be": result.failed,
        "rentals whose renters were told of": consistency.acknowledged,
        "of them not there, or otherwise": len(consistency.lost),
        "double bookings": consistency.double_bookings,
        "stories that did not end": len(consistency.unfinished),
    }
    if as_json:
        print(json.dumps({"machine": report.machine(), "seed": seed, "back after, s": back_s, "figures": figures}))
        return
    print(f"{report.machine()}; seed {seed}")
    print(f"{'back after, at most (aim: 15 s)':<48} seconds")
    for what, seconds in back_s.items():
        print(f"{what:<48} {max(seconds):>7.1f}")
    for what, figure in figures.items():
        print(f"{what:<48} {figure:>7}")
    for trouble in (*consistency.lost[:5], *consistency.unfinished[:5]):
        print(trouble)
