"""Faults that are injected into servers and relays, and how long until they have recovered."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

import psutil

from deploy.local.cluster import Cluster, Web
from deploy.servers.waiting import wait_until


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A signal, the processes it is sent to, and the condition under which they have recovered."""

    name: str
    signal: signal.Signals
    targets: Callable[[], Sequence[psutil.Process]]
    is_recovered: Callable[[], bool]

    def inject(self) -> float:
        """Send the signal; return the seconds until the targets are gone and others serve in their place.

        :raises TimeoutError: after a minute
        """
        targets = self.targets()
        began = time.monotonic()
        for target in targets:
            target.send_signal(self.signal)
        wait_until(lambda: not any(map(_is_alive, targets)) and self.is_recovered(), f"recovery from: {self.name}", timeout_s=60)
        return time.monotonic() - began


def all_faults(cluster: Cluster) -> Iterator[Fault]:
    """Yield each of them, against one server after the other."""
    webs = cycle(cluster.webs)
    for number, name in ((signal.SIGKILL, "kill -9"), (signal.SIGSTOP, "SIGSTOP")):
        yield worker_fault(cluster, next(webs), number, f"{name}: a worker of a server")
        yield web_fault(cluster, next(webs), number, f"{name}: a server, master and workers")
        yield relay_fault(cluster, number, f"{name}: the relay")


def worker_fault(cluster: Cluster, web: Web, number: signal.Signals, name: str) -> Fault:
    """Return a fault of one worker of a server."""
    return Fault(name=name, signal=number, targets=lambda: _processes(web)[1:2], is_recovered=lambda: _serves(cluster, web))


def web_fault(cluster: Cluster, web: Web, number: signal.Signals, name: str) -> Fault:
    """Return a fault of a whole server; SIGKILL is sent to its master alone, as the kernel does when memory runs out."""
    last = 1 if number == signal.SIGKILL else None
    return Fault(name=name, signal=number, targets=lambda: _processes(web)[:last], is_recovered=lambda: _serves(cluster, web))


def relay_fault(cluster: Cluster, number: signal.Signals, name: str) -> Fault:
    """Return a fault of the relay."""
    relay = cluster.relay
    assert relay is not None
    return Fault(name=name, signal=number, targets=lambda: [psutil.Process(relay.pid)], is_recovered=relay.is_live)


def _processes(web: Web) -> list[psutil.Process]:
    master = psutil.Process(web.supervisor.pid)
    return [master, *filter(_is_alive, master.children())]


def _serves(cluster: Cluster, web: Web) -> bool:
    return cluster.is_ready(web) and cluster.gateway.slot_status(web.slot)["status"] == "UP" and len(_processes(web)) > 1


def _is_alive(process: psutil.Process) -> bool:
    # psutil compares the start time too: a reused process id is another process.
    return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
