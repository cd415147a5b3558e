"""What may inject a server or a relay, and how long until it is back."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

import psutil

from deploy.local.cluster import Cluster, Web
from deploy.servers.waiting import wait_until

_PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What is done, to which processes, and how one sees that all is well again."""

    what: str
    order: signal.Signals
    targets: Callable[[], Sequence[psutil.Process]]
    is_recovered: Callable[[], bool]

    def inject(self) -> float:
        """Do it; return the seconds until the targets are gone, others are in their place, and those serve.

        :raises TimeoutError: after a minute
        """
        targets = self.targets()
        began = time.monotonic()
        for target in targets:
            target.send_signal(self.order)
        wait_until(lambda: not any(map(_is_there, targets)) and self.is_recovered(), f"{self.what}: to be back", timeout_s=_PATIENCE_S)
        return time.monotonic() - began


def all_faults(cluster: Cluster) -> Iterator[Fault]:
    """Yield each of them, against one server after the other."""
    webs = cycle(cluster.webs)
    for order in (signal.SIGKILL, signal.SIGSTOP):
        name = "kill -9" if order == signal.SIGKILL else "SIGSTOP"
        yield worker_fault(cluster, next(webs), order, f"{name}: a worker of a server")
        yield web_fault(cluster, next(webs), order, f"{name}: a server, master and workers")
        yield relay_fault(cluster, order, f"{name}: the relay")


def worker_fault(cluster: Cluster, web: Web, order: signal.Signals, what: str) -> Fault:
    """Return what befalls one worker of a server."""
    return Fault(what=what, order=order, targets=lambda: _family(web)[1:2], is_recovered=lambda: _serves(cluster, web))


def web_fault(cluster: Cluster, web: Web, order: signal.Signals, what: str) -> Fault:
    """Return what befalls a whole server; killed is its master alone, as the kernel does when memory runs out."""
    targets = slice(0, 1) if order == signal.SIGKILL else slice(None)
    return Fault(what=what, order=order, targets=lambda: _family(web)[targets], is_recovered=lambda: _serves(cluster, web))


def relay_fault(cluster: Cluster, order: signal.Signals, what: str) -> Fault:
    """Return what befalls the relay."""
    relay = cluster.relay
    assert relay is not None
    return Fault(what=what, order=order, targets=lambda: [psutil.Process(relay.pid)], is_recovered=relay.is_live)


def _family(web: Web) -> list[psutil.Process]:
    master = psutil.Process(web.supervisor.pid)
    return [master, *filter(_is_there, master.children())]


def _serves(cluster: Cluster, web: Web) -> bool:
    return cluster.is_ready(web) and cluster.gateway.slot_status(web.slot)["status"] == "UP" and len(_family(web)) > 1


def _is_there(process: psutil.Process) -> bool:
    # psutil compares the time of birth as well: another process of the same number is another.
    return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
