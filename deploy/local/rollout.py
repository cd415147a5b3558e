"""`./dev rollout`: rolling restarts under mixed load, each to a version with a migration of its own; every answer is judged.

Afterwards every write that was acknowledged is looked for in the database. `--control` does the same as one should not, and must lose.
"""

import json
import secrets
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import quantiles

from bench import report
from deploy.local.cluster import Cluster, open_cluster
from deploy.local.consistency import ConsistencyReport, check_consistency
from deploy.local.results import WorkloadResult
from deploy.local.rolling_update import restart_in_place, rolling_update
from deploy.local.workload import Workload
from deploy.servers.waiting import wait_until

SETTINGS = {
    "GDMARKET_THROTTLE_ANON": "off",
    "GDMARKET_THROTTLE_USER": "off",
    "GDMARKET_LOG_LEVEL": "WARNING",
    "GDMARKET_PAYMENT_TIMEOUT_MS": "9000",  # the provider shares a busy machine, and its slowness is not what is looked at
    "GATEWAY_RATE": "1000000",  # all renters come from one address here
    "GATEWAY_CONNECTIONS": "2000",
}
_REST_S = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """How many versions are rolled out, and under which load."""

    restarts: int
    requests: int
    rate: float
    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of the restarts."""

    name: str
    restarts: int
    seconds: float
    result: WorkloadResult
    consistency: ConsistencyReport

    @property
    def is_consistent(self) -> bool:
        """Say whether nothing was lost: no request, no write, no story."""
        return not self.result.failed and self.consistency.is_consistent


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev rollout` takes."""
    parser.add_argument("--restarts", type=int, default=10, help="how many versions are rolled out, one after the other (default: 10)")
    parser.add_argument("--requests", type=int, default=20_000, help="how many requests there are at least (default: 20,000)")
    parser.add_argument("--rate", type=float, default=120.0, help="requests a second (default: 120)")
    parser.add_argument("--web", type=int, default=2, help="how many servers (default: 2)")
    parser.add_argument("--seed", type=int, help="repeats the choices of an earlier run")
    parser.add_argument("--control", action="store_true", help="do it as well without readiness, drain and retries: some must be lost")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")


def run(options: Namespace) -> int:
    """Roll out, print what came of it; 0 where nothing was lost, and the control lost some."""
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    print(f"The seed is {seed}.", file=sys.stderr)
    work = Work(restarts=options.restarts, requests=options.requests, rate=options.rate, seed=seed)
    with (
        tempfile.TemporaryDirectory(prefix="gdmarket-rollout-") as folder,
        open_cluster(folder=Path(folder), webs=options.web, settings=SETTINGS, tell=show) as cluster,
    ):
        outcomes = [measure(cluster=cluster, work=work)]
        if options.control:
            outcomes.append(measure_control(cluster=cluster, work=replace(work, requests=0)))
    _print(outcomes, seed=seed, as_json=options.json)
    return int(not (outcomes[0].is_consistent and all(outcome.result.failed for outcome in outcomes[1:])))


def measure(*, cluster: Cluster, work: Work, deploy: Callable[..., None] = rolling_update, name: str = "in good order") -> Outcome:
    """Roll out version after version under load."""
    workload = Workload(port=cluster.port, seed=work.seed, rate=work.rate)
    began = time.monotonic()
    workload.start()
    for _ in range(work.restarts):
        time.sleep(_REST_S)
        deploy(cluster=cluster)
        cluster.tell(f"{workload.result.requests} requests so far, {workload.result.failed} lost")
    wait_until(lambda: workload.result.requests >= work.requests, "enough requests", timeout_s=3600)
    result = workload.stop()
    seconds = time.monotonic() - began
    consistency = check_consistency(url=cluster.database_url, result=result)
    return Outcome(name=name, restarts=work.restarts, seconds=seconds, result=result, consistency=consistency)


def measure_control(*, cluster: Cluster, work: Work) -> Outcome:
    """Do the same as one should not."""
    with cluster.control_gateway():
        return measure(cluster=cluster, work=work, deploy=restart_in_place, name="no readiness, drain, retries")


def _figures(outcome: Outcome) -> dict[str, object]:
    result = outcome.result
    return {
        "versions rolled out, each with a migration": outcome.restarts,
        "requests": result.requests,
        "answered as they had to be, %": f"{int(result.share * 100) / 100:.2f}",
        "lost": result.failed,
        "slowest 1 %, ms": round(quantiles(result.latencies_ms, n=100)[98]),
        "rentals whose renters were told of": outcome.consistency.acknowledged,
        "of them not there, or otherwise": len(outcome.consistency.lost),
        "double bookings": outcome.consistency.double_bookings,
        "stories that did not end": len(outcome.consistency.unfinished),
        "seconds": round(outcome.seconds),
    }


def _print(outcomes: list[Outcome], *, seed: int, as_json: bool) -> None:
    columns = {outcome.name: _figures(outcome) for outcome in outcomes}
    if as_json:
        lost = {outcome.name: dict(outcome.result.lost) for outcome in outcomes}
        print(json.dumps({"machine": report.machine(), "seed": seed, "figures": columns, "lost by kind": lost}, ensure_ascii=False))
        return
    print(f"{report.machine()}; seed {seed}")
    print(" | ".join([f"{'':<44}", *columns]))
    for what in next(iter(columns.values())):
        print(" | ".join([f"{what:<44}", *(f"{figures[what]!s:>{len(name)}}" for name, figures in columns.items())]))
    for outcome in outcomes:
        for trouble in (*outcome.result.examples, *outcome.consistency.lost[:5], *outcome.consistency.unfinished[:5]):
            print(f"{outcome.name}: {trouble}")


def show(what: str) -> None:
    """Say how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)
