"""`./dev rollout`: rolling updates under mixed load, each to a version with a migration of its own; every answer is checked.

They are done twice: with the gateway draining each server first, and with SIGTERM alone, which is how Compose stops a server. Afterwards
every acknowledged write is looked for in the database. `--control` also restarts servers in place behind a gateway without health checks
and retries, and must lose requests.
"""

import json
import secrets
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

from deploy import report
from deploy.local.cluster import Cluster, open_cluster
from deploy.local.consistency import ConsistencyReport, check_consistency
from deploy.local.versions import write_next_version
from deploy.local.workload import Workload, WorkloadResult
from deploy.report import progress
from deploy.servers.waiting import wait_until
from deploy.unlimited import UNLIMITED

SETTINGS = {
    **UNLIMITED,
    "GDMARKET_LOG_LEVEL": "WARNING",
    "GDMARKET_PAYMENT_TIMEOUT_MS": "9000",  # the provider shares a busy machine, and its latency is not measured here
    "GATEWAY_RATE": "1000000",  # all renters come from one address here
    "GATEWAY_AUTH_RATE": "1000000",
    "GATEWAY_CONNECTIONS": "2000",
}
_PAUSE_S = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What the updates did to the load."""

    name: str
    restarts: int
    seconds: float
    result: WorkloadResult
    consistency: ConsistencyReport

    def figures(self) -> dict[str, object]:
        """Return the figures by their names."""
        return {
            "versions rolled out, each with a migration": self.restarts,
            "answered as expected, %": f"{int(self.result.success_percent * 100) / 100:.2f}",
            "POSTs": self.result.posts,
            "of them answered 502, 504 or never": self.result.unknown_posts,
            "slowest 1 %, ms": round(quantiles(self.result.latencies_ms, n=100)[98]),
            **self.consistency.figures(self.result),
            "seconds": round(self.seconds),
        }


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev rollout` takes."""
    parser.add_argument("--restarts", type=int, default=10, help="how many versions are rolled out, one after the other (default: 10)")
    parser.add_argument("--requests", type=int, default=20_000, help="how many requests there are at least (default: 20,000)")
    parser.add_argument("--rate", type=float, default=120.0, help="requests a second (default: 120)")
    parser.add_argument("--web", type=int, default=2, help="how many servers (default: 2)")
    parser.add_argument("--control", action="store_true", help="repeat it without readiness, drain and retries: some must be lost")


def run(options: Namespace) -> int:
    """Roll out and print the outcome; 0 where nothing was lost, and the control lost some."""
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    with measured_cluster(webs=options.web) as cluster:
        outcomes = [
            measure(cluster, restarts=options.restarts, requests=options.requests, rate=options.rate, seed=seed),
            measure_undrained(cluster, restarts=options.restarts, rate=options.rate, seed=seed),
        ]
        if options.control:
            outcomes.append(measure_control(cluster, restarts=options.restarts, rate=options.rate, seed=seed))
    _print(outcomes, seed=seed, as_json=options.json)
    is_good = all(outcome.consistency.is_consistent and not outcome.result.failed for outcome in outcomes[:2])
    return int(not (is_good and all(outcome.result.failed for outcome in outcomes[2:])))


@contextmanager
def measured_cluster(*, webs: int = 2) -> Iterator[Cluster]:
    """Run a cluster with settings for measuring, for the length of the block."""
    # Sockets need short paths.
    with (
        tempfile.TemporaryDirectory(prefix="gdmarket-") as folder,
        open_cluster(folder=Path(folder), webs=webs, settings=SETTINGS, report=progress) as cluster,
    ):
        yield cluster


def rolling_update(cluster: Cluster, *, drained: bool = True, **settings: str) -> None:
    """Bring the next version into service without losing a request.

    Migrate while the old code serves; replace the relay; then, for each server, start a new one with additional `settings`, wait until the
    gateway finds it ready, drain the old one (unless not `drained`), and stop it.
    """
    _migrate_to_next_version(cluster)
    for web in [*cluster.webs]:
        cluster.enable_when_ready(cluster.start_web(**settings))
        cluster.remove_web(web, drained=drained)


def restart_in_place(cluster: Cluster) -> None:
    """As the control, restart each server on its port under load, one after the other, without waiting."""
    _migrate_to_next_version(cluster)
    for web in cluster.webs:
        cluster.restart_in_place(web)
    wait_until(lambda: all(cluster.is_ready(web) for web in cluster.webs), "the servers to be ready")


def measure(
    cluster: Cluster,
    *,
    restarts: int,
    rate: float,
    seed: int,
    requests: int = 0,
    update: Callable[[Cluster], None] = rolling_update,
    name: str = "rolling update",
) -> Outcome:
    """Roll out `restarts` versions under a load of at least `requests`, `rate` a second."""
    workload = Workload(port=cluster.port, seed=seed, rate=rate)
    began = time.monotonic()
    workload.start()
    for _ in range(restarts):
        time.sleep(_PAUSE_S)
        update(cluster)
        cluster.report(f"version {cluster.version} serves: {workload.result.requests} requests so far, {workload.result.failed} failed")
    wait_until(lambda: workload.result.requests >= requests, "enough requests", timeout_s=3600)
    result = workload.stop()
    seconds = time.monotonic() - began
    consistency = check_consistency(url=cluster.database_url, result=result)
    return Outcome(name=name, restarts=restarts, seconds=seconds, result=result, consistency=consistency)


def measure_undrained(cluster: Cluster, *, settings: Mapping[str, str] | None = None, **options: Any) -> Outcome:
    """Do the same, and stop servers by SIGTERM alone, while the gateway sends them requests; the new ones have additional `settings`."""

    def update(cluster: Cluster) -> None:
        rolling_update(cluster, drained=False, **(settings or {}))

    return measure(cluster, **options, update=update, name="SIGTERM alone")


def measure_control(cluster: Cluster, **options: Any) -> Outcome:
    """Do the same without readiness, drain and retries."""
    with cluster.control_gateway():
        return measure(cluster, **options, update=restart_in_place, name="no readiness, drain, retries")


def _migrate_to_next_version(cluster: Cluster) -> None:
    cluster.tree = write_next_version(before=cluster.tree, folder=cluster.folder, number=cluster.version + 1)
    cluster.manage("migrate", "--verbosity", "0")
    cluster.version += 1
    cluster.replace_relay()


def _print(outcomes: list[Outcome], *, seed: int, as_json: bool) -> None:
    columns = {outcome.name: outcome.figures() for outcome in outcomes}
    if as_json:
        failures = {outcome.name: dict(outcome.result.failures) for outcome in outcomes}
        print(json.dumps({"machine": report.machine(), "seed": seed, "figures": columns, "failures by kind": failures}))
        return
    print(f"{report.machine()}; seed {seed}")
    print(" | ".join([f"{'':<44}", *columns]))
    for what in next(iter(columns.values())):
        print(" | ".join([f"{what:<44}", *(f"{figures[what]!s:>{len(name)}}" for name, figures in columns.items())]))
    for outcome in outcomes:
        for example in (*outcome.result.examples, *outcome.consistency.examples):
            print(f"{outcome.name}: {example}")
