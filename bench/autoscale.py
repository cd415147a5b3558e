"""`./dev bench autoscale`: scale the cluster on this machine by the rule of Kubernetes' Horizontal Pod Autoscaler, under a load.

Source: https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/, "Algorithm details". Kubernetes syncs every
15 s and waits 300 s before it removes replicas; here both are shorter.
"""

import math
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import mean, quantiles

import psutil

from deploy import report
from deploy.local.cluster import Cluster, Web
from deploy.local.rollout import measured_cluster
from deploy.local.workload import Workload
from deploy.report import Figure, progress

SYNC_S, STABILIZATION_S = 5.0, 30.0
TOLERANCE = 0.1
# The target CPU of a replica, as a share of its request.
AIM, REQUEST_CORES = 0.15, 0.5
_QUIET_S, _LONGEST_S = 15.0, 150.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The replicas at a time, in seconds from the start."""

    at_s: float
    serving: int
    wanted: int


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev bench autoscale` takes."""
    parser.add_argument("--users", type=int, default=100, help="how many ask at once (default: 100)")
    parser.add_argument("--seconds", type=float, default=120.0, help="for how long (default: 120)")
    parser.add_argument("--rate", type=float, default=40.0, help="requests a second, of all together (default: 40)")


def run(options: Namespace) -> None:
    """Measure and print."""
    ends_s = _QUIET_S + options.seconds
    with measured_cluster(webs=1) as cluster:
        workload = Workload(port=cluster.port, seed=1, rate=options.rate, clients=options.users)
        scaler = _Autoscaler(cluster, rule=Rule(aim=AIM))
        scaler.run(until=lambda at_s: at_s > _QUIET_S)
        workload.start()
        scaler.run(until=lambda at_s: at_s > ends_s)
        result = workload.stop()
        scaler.run(until=lambda at_s: len(cluster.webs) == 1 or at_s > ends_s + _LONGEST_S)
    samples = scaler.samples
    most = max(sample.serving for sample in samples)
    back_to_one = [sample.at_s - ends_s for sample in samples if sample.at_s > ends_s and sample.wanted == 1]
    cuts = quantiles(result.latencies_ms, n=100)
    figures = [
        Figure(what="replicas before the load", values=[samples[0].serving], aim="1"),
        Figure(what="most replicas that served", values=[most], aim="more than 1"),
        Figure(what="replicas in the end", values=[samples[-1].wanted], aim="1"),
        Figure(what="from the load to the most", values=[next(s.at_s for s in samples if s.serving == most) - _QUIET_S], unit="s"),
        Figure(what="from the end of the load to one", values=[min(back_to_one, default=math.inf)], unit="s"),
        Figure(what="requests", values=[result.requests]),
        Figure(what="failed requests", values=[result.failed], aim="0"),
        Figure(what="latency, p50", values=[cuts[49]], unit="ms"),
        Figure(what="latency, p99", values=[cuts[98]], unit="ms"),
    ]
    notes = {
        "rule": f"CPU at {AIM:.0%} of a request of {1000 * REQUEST_CORES:g}m, 1 to 10 replicas; sync every {SYNC_S:g} s, "
        f"removal after {STABILIZATION_S:g} s",
        "load": f"{options.users} users for {options.seconds:g} s, {options.rate:g} requests a second in all",
    }
    report.print_figures(figures=figures, notes=notes, as_json=options.json)
    for example in result.examples:
        progress(example)


@dataclass(slots=True)
class Rule:
    """The number of replicas for a target CPU of `aim`, a share of a replica's request; `most` at most."""

    aim: float
    most: int = 10
    stabilization_s: float = STABILIZATION_S
    _recommended: list[tuple[float, int]] = field(default_factory=list)

    def replicas(self, *, now_s: float, current: int, utilisations: Sequence[float]) -> int:
        """Return the new number; `utilisations` are the CPU shares of those of the `current` replicas that are ready.

        The highest recommendation within `stabilization_s` counts. At most 100 % or four replicas are added at once.
        """
        self._recommended.append((now_s, self._recommend(current, utilisations)))
        highest = max(wanted for at_s, wanted in self._recommended if at_s >= now_s - self.stabilization_s)
        wanted = max(self._recommended[-1][1], min(current, highest))
        return max(1, min(wanted, max(2 * current, current + 4), self.most))

    def _recommend(self, current: int, utilisations: Sequence[float]) -> int:
        """Return `ceil(current × usage / aim)`, or `current` within the tolerance."""
        if not utilisations:
            return current
        ratio, replicas = mean(utilisations) / self.aim, len(utilisations)
        if ratio > 1 and replicas < current:  # those that are not ready count as idle
            ratio, replicas = max(1.0, sum(utilisations) / current / self.aim), current
        return current if abs(ratio - 1) <= TOLERANCE + 1e-9 else math.ceil(replicas * ratio - 1e-9)


class _Autoscaler:
    """Samples the servers' CPU time, applies the rule, and starts or stops servers."""

    def __init__(self, cluster: Cluster, *, rule: Rule) -> None:
        self.samples: list[Sample] = []
        self._cluster, self._rule = cluster, rule
        self._began = self._sampled_at = time.monotonic()
        self._cpu_s: dict[str, float] = {}
        self._serving = [*cluster.webs]

    def run(self, *, until: Callable[[float], bool]) -> None:
        """Sample and scale until `until` is true of the seconds since the start."""
        while not until(time.monotonic() - self._began):
            time.sleep(max(0.0, self._sampled_at + SYNC_S - time.monotonic()))
            self._sync()

    def _sync(self) -> None:
        for web in self._cluster.webs:
            if web not in self._serving and self._cluster.is_ready(web):
                self._cluster.gateway.enable(slot=web.slot, port=web.port)
                self._serving.append(web)
        now, current = time.monotonic(), len(self._cluster.webs)
        before, self._cpu_s = self._cpu_s, {web.supervisor.name: _cpu_s(web) for web in self._serving}
        passed_s, self._sampled_at = now - self._sampled_at, now
        # A new server's start does not count.
        used = [(cpu_s - before[name]) / passed_s / REQUEST_CORES for name, cpu_s in self._cpu_s.items() if name in before]
        at_s = now - self._began
        wanted = self._rule.replicas(now_s=at_s, current=current, utilisations=used)
        self.samples.append(Sample(at_s, len(self._serving), wanted))
        progress(
            f"{at_s:4.0f} s: {mean(used or [0]):5.0%} of the request, {len(self._serving)} of {current} replicas serve, {wanted} wanted"
        )
        for _ in range(wanted - current):
            self._cluster.start_web()
        for web in self._cluster.webs[wanted:]:
            self._cluster.remove_web(web)
            self._serving = [serving for serving in self._serving if serving is not web]


def _cpu_s(web: Web) -> float:
    """Return the CPU time of a server, master and workers, in seconds."""
    master = psutil.Process(web.supervisor.pid)
    times = [process.cpu_times() for process in (master, *master.children())]
    return float(sum(used.user + used.system for used in times))
