"""The payment simulator in this process, and a gateway to it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from apps.payments.gateways.http import HttpGateway
from apps.payments.gateways.port import ChargeStatus
from deploy.simulator.faults import Fault
from deploy.simulator.provider import Provider
from deploy.simulator.server import Server
from gdmarket import ids
from tests.unit.payments.actions import charge_request
from tests.unit.payments.gateway_calls import AMPLE_S

SECRET = "a secret"
HERE = ("127.0.0.1", 0)


def until(seen: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + AMPLE_S
    while not seen() and time.monotonic() < ends_at:
        time.sleep(0.01)


class Simulated:
    """A simulator, its gateway, and what it logged."""

    def __init__(self, folder: Path, webhook_url: str) -> None:
        self.logged: list[str] = []
        self.provider = Provider(store=folder / "store.sqlite3", webhook_url=webhook_url, webhook_secret=SECRET, log=self.logged.append)
        self.server = Server(provider=self.provider, address=HERE, control=HERE)
        self.gateway = HttpGateway(base_url=f"http://127.0.0.1:{self.server.address[1]}", webhook_secrets=[SECRET])

    def set_faults(self, *faults: Fault) -> None:
        self.provider.faults.replace(faults=faults)

    def charge(self, key: UUID | None = None, *, method: str = "pm_ok") -> ChargeStatus:
        return self.gateway.charge(request=charge_request(key or ids.uuid7(), method=method), deadline_s=AMPLE_S).status

    def close(self) -> None:
        self.gateway.close()
        self.server.stop()


@contextmanager
def opened(folder: Path, webhook_url: str = "") -> Iterator[Simulated]:
    simulator = Simulated(folder, webhook_url)
    try:
        yield simulator
    finally:
        simulator.close()
