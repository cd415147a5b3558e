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
from deploy.local.hurts import all_hurts
from deploy.local.rollout import SETTINGS, show
from deploy.local.tally import Tally
from deploy.local.traffic import Traffic
from deploy.local.truth import Finding, compare

BACK_S = 15.0
_REST_S = 4.0


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev heal` takes."""
    parser.add_argument("--rounds", type=int, default=1, help="how often each thing is done (default: 1)")
    parser.add_argument("--rate", type=float, default=40.0, help="requests a second meanwhile (default: 40)")
    parser.add_argument("--seed", type=int, help="repeats the choices of an earlier run")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")


def run(options: Namespace) -> int:
    """Hurt, wait, print; 0 where all was back within 15 s and nothing was lost."""
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    print(f"The seed is {seed}.", file=sys.stderr)
    with (
        tempfile.TemporaryDirectory(prefix="gdmarket-heal-") as folder,
        open_cluster(folder=Path(folder), settings=SETTINGS, tell=show) as cluster,
    ):
        traffic = Traffic(port=cluster.port, seed=seed, rate=options.rate)
        traffic.start()
        back_s = _hurt(cluster, rounds=options.rounds)
        tally = traffic.stop()
        finding = compare(url=cluster.database_url, tally=tally)
    _print(back_s, tally=tally, finding=finding, seed=seed, as_json=options.json)
    return int(not finding.is_whole or max(map(max, back_s.values())) > BACK_S)


def _hurt(cluster: Cluster, *, rounds: int) -> dict[str, list[float]]:
    back_s: dict[str, list[float]] = {}
    for _ in range(rounds):
        for hurt in all_hurts(cluster):
            time.sleep(_REST_S)
            took_s = hurt.befall()
            back_s.setdefault(hurt.what, []).append(took_s)
            cluster.tell(f"{hurt.what}: back after {took_s:.1f} s")
    return back_s


def _print(back_s: dict[str, list[float]], *, tally: Tally, finding: Finding, seed: int, as_json: bool) -> None:
    figures = {
        "requests meanwhile": tally.requests,
        "not answered as they had to be": tally.failed,
        "rentals whose renters were told of": finding.acknowledged,
        "of them not there, or otherwise": len(finding.lost),
        "double bookings": finding.double_bookings,
        "stories that did not end": len(finding.open_ends),
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
    for trouble in (*finding.lost[:5], *finding.open_ends[:5]):
        print(trouble)
