"""The controller: measures the servers' CPU, asks the rule, and starts or stops servers."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from bench.autoscale.rule import Rule
from deploy.local.cluster import Cluster, Web
from deploy.local.workload import Workload


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What was seen at one time, in seconds from the start; `utilisation` is what a replica uses of its request, on average."""

    at_s: float
    serving: int
    wanted: int
    utilisation: float
    requests: int
    lost: int


class Controller:
    """Looks at a cluster every few seconds, and scales it."""

    def __init__(self, *, cluster: Cluster, rule: Rule, request_cores: float, tell: Callable[[str], None]) -> None:
        self.looks: list[Look] = []
        self._cluster, self._rule, self._request_cores, self._tell = cluster, rule, request_cores, tell
        self._began = self._looked_at = time.monotonic()
        self._used_s: dict[str, float] = {}
        self._serving = [*cluster.webs]

    def run(self, *, workload: Workload | None, until: Callable[[float], bool]) -> None:
        """Look and scale, until told that it is enough; `until` is asked with the seconds from the start."""
        while not until(time.monotonic() - self._began):
            time.sleep(max(0.0, self._looked_at + self._rule.aim.sync_s - time.monotonic()))
            self._look(workload)

    def _look(self, workload: Workload | None) -> None:
        self._admit()
        utilisations = self._utilisations()
        now_s = time.monotonic() - self._began
        current = len(self._cluster.webs)
        wanted = self._rule.replicas(now_s=now_s, current=current, utilisations=utilisations)
        look = Look(
            at_s=now_s,
            serving=len(self._serving),
            wanted=wanted,
            utilisation=sum(utilisations) / len(utilisations) if utilisations else 0.0,
            requests=workload.result.requests if workload else 0,
            lost=workload.result.failed if workload else 0,
        )
        self.looks.append(look)
        self._tell(f"{now_s:4.0f} s: {look.utilisation:5.0%} of the request, {look.serving} of {current} replicas serve, {wanted} wanted")
        for _ in range(wanted - current):
            self._cluster.start_web()
        for web in self._cluster.webs[wanted:]:
            self._remove(web)

    def _admit(self) -> None:
        for web in self._cluster.webs:
            if web not in self._serving and self._cluster.is_ready(web):
                self._cluster.gateway.enable(slot=web.slot, port=web.port)
                self._serving.append(web)

    def _remove(self, web: Web) -> None:
        self._cluster.remove_web(web)
        if web in self._serving:
            self._serving.remove(web)

    def _utilisations(self) -> list[float]:
        """Return what part of its request each server that serves has used since the last look; a new one's start does not count."""
        now = time.monotonic()
        passed_s, self._looked_at = now - self._looked_at, now
        before, self._used_s = self._used_s, {web.slot: _used_s(web) for web in self._serving}
        return [(used - before[slot]) / passed_s / self._request_cores for slot, used in self._used_s.items() if slot in before]


def _used_s(web: Web) -> float:
    """Return the CPU time that a server's processes have had."""
    master = psutil.Process(web.supervisor.pid)
    times = [process.cpu_times() for process in (master, *master.children())]
    return float(sum(time.user + time.system for time in times))
