"""What may befall a server or a relay, and how long until it is back."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

import psutil

from deploy.local.cluster import Cluster, Web
from deploy.local.waiting import wait_for

_PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Hurt:
    """What is done, to which processes, and how one sees that all is well again."""

    what: str
    order: signal.Signals
    victims: Callable[[], Sequence[psutil.Process]]
    is_well: Callable[[], bool]

    def befall(self) -> float:
        """Do it; return the seconds until the victims are gone, others are in their place, and those serve.

        :raises TimeoutError: after a minute
        """
        victims = self.victims()
        began = time.monotonic()
        for victim in victims:
            victim.send_signal(self.order)
        wait_for(lambda: not any(map(_is_there, victims)) and self.is_well(), f"{self.what}: to be back", patience_s=_PATIENCE_S)
        return time.monotonic() - began


def all_hurts(cluster: Cluster) -> Iterator[Hurt]:
    """Yield each of them, against one server after the other."""
    webs = cycle(cluster.webs)
    for order in (signal.SIGKILL, signal.SIGSTOP):
        name = "kill -9" if order == signal.SIGKILL else "SIGSTOP"
        yield hurt_worker(cluster, next(webs), order, f"{name}: a worker of a server")
        yield hurt_web(cluster, next(webs), order, f"{name}: a server, master and workers")
        yield hurt_relay(cluster, order, f"{name}: the relay")


def hurt_worker(cluster: Cluster, web: Web, order: signal.Signals, what: str) -> Hurt:
    """Return what befalls one worker of a server."""
    return Hurt(what=what, order=order, victims=lambda: _family(web)[1:2], is_well=lambda: _serves(cluster, web))


def hurt_web(cluster: Cluster, web: Web, order: signal.Signals, what: str) -> Hurt:
    """Return what befalls a whole server; killed is its master alone, as the kernel does when memory runs out."""
    victims = slice(0, 1) if order == signal.SIGKILL else slice(None)
    return Hurt(what=what, order=order, victims=lambda: _family(web)[victims], is_well=lambda: _serves(cluster, web))


def hurt_relay(cluster: Cluster, order: signal.Signals, what: str) -> Hurt:
    """Return what befalls the relay."""
    relay = cluster.relay
    assert relay is not None
    return Hurt(what=what, order=order, victims=lambda: [psutil.Process(relay.pid)], is_well=relay.is_live)


def _family(web: Web) -> list[psutil.Process]:
    master = psutil.Process(web.keeper.pid)
    return [master, *filter(_is_there, master.children())]


def _serves(cluster: Cluster, web: Web) -> bool:
    return cluster.is_ready(web) and cluster.gateway.stands(web.slot)["status"] == "UP" and len(_family(web)) > 1


def _is_there(process: psutil.Process) -> bool:
    # psutil compares the time of birth as well: another process of the same number is another.
    return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
