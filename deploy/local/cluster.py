"""The cluster: its parts, the order in which they start and stop, and how servers are added, removed and replaced."""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.gateway import SLOTS, Gateway
from deploy.local.supervisor import Supervisor, answers
from deploy.servers.ports import free_port
from deploy.servers.postgresql import running_postgresql
from deploy.servers.process import ROOT, ServerProcess
from deploy.servers.simulator import SimulatorProcess
from deploy.servers.waiting import wait_until

_RECONCILE = ("reconcile_payments", "--every", "3600", "--days", "30", "--older-than", "60")


@dataclass(kw_only=True, slots=True, eq=False)
class Web:
    """One server: its supervisor, where it listens, and its slot at the gateway."""

    supervisor: Supervisor
    port: int
    slot: str


@dataclass(kw_only=True, slots=True)
class Cluster:
    """A running cluster; `webs` and `relay` are those of the deployed version, whose code is in `tree`."""

    gateway: Gateway
    environment: Mapping[str, str]
    folder: Path
    provider: SimulatorProcess
    report: Callable[[str], None]
    tree: Path = ROOT
    version: int = 0
    webs: list[Web] = field(default_factory=list)
    relay: Supervisor | None = None
    others: list[Supervisor] = field(default_factory=list)
    _started: int = 0

    @property
    def port(self) -> int:
        """Where the gateway listens."""
        return self.gateway.port

    @property
    def database_url(self) -> str:
        """The database of all contexts."""
        return self.environment["DATABASE_URL"]

    def manage(self, *arguments: str) -> None:
        """Run `manage.py` of the deployed version to its end.

        :raises subprocess.CalledProcessError: if it fails
        """
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, cwd=self.tree, env=self.environment, stdout=subprocess.DEVNULL, check=True)

    def start_web(self, **settings: str) -> Web:
        """Start a server with additional settings, and return at once: the gateway does not send it requests yet."""
        self._started += 1
        port = free_port()
        taken = {web.slot for web in self.webs}
        slot = next(slot for number in range(1, SLOTS + 1) if (slot := f"web{number}") not in taken)
        web = Web(supervisor=self._supervise_web(f"web-{self._started}", port, settings), port=port, slot=slot)
        self.webs.append(web)
        return web

    def is_ready(self, web: Web) -> bool:
        """Say whether a server's readiness probe succeeds."""
        return answers(port=web.port, path="/health/ready")

    def enable_when_ready(self, web: Web) -> None:
        """Wait until a server is ready, and send it requests."""
        wait_until(lambda: self.is_ready(web), f"{web.supervisor.name} to be ready: see {web.supervisor.process.log}")
        self.gateway.enable(slot=web.slot, port=web.port)

    def remove_web(self, web: Web, *, drained: bool = True) -> None:
        """Stop a server: once the gateway has drained it, or while it still sends requests."""
        if drained:
            self.gateway.drain(slot=web.slot)
        web.supervisor.stop()
        self.gateway.disable(slot=web.slot)
        self.webs.remove(web)

    def restart_in_place(self, web: Web) -> None:
        """Stop a server and start the deployed version on its port, with no drain and no readiness: the control of `./dev rollout`."""
        web.supervisor.stop()
        web.supervisor = self._supervise_web(web.supervisor.name, web.port, {})

    def replace_relay(self) -> None:
        """Start a relay of the deployed version, then stop the previous one."""
        before = self.relay
        self._started += 1
        port = free_port()
        self.relay = self.supervise(f"relay-{self._started}", "manage.py", "relay", live_port=port, GDMARKET_RELAY_PORT=str(port))
        wait_until(self.relay.is_live, f"{self.relay.name} to be live: see {self.relay.process.log}")
        if before is not None:
            before.stop()

    @contextmanager
    def control_gateway(self) -> Iterator[None]:
        """Replace the gateway for the length of the block by one without health checks and retries."""
        gateway = self.gateway
        control = Gateway(port=free_port(), folder=self.folder, report=self.report, control=True)
        control.start(environment=self.environment)
        try:
            for web in self.webs:
                control.enable(slot=web.slot, port=web.port)
            self.gateway = control
            yield
        finally:
            self.gateway = gateway
            control.stop()

    def stop(self) -> None:
        """Stop the gateway, then the servers, then the relay and the reconciliation."""
        self.gateway.stop()
        for supervisors in ([web.supervisor for web in self.webs], [*self.others, *([self.relay] if self.relay else [])]):
            for supervisor in supervisors:
                supervisor.request_stop()
            for supervisor in supervisors:
                supervisor.stop()

    def _supervise_web(self, name: str, port: int, settings: Mapping[str, str]) -> Supervisor:
        command = ("-m", "gunicorn", "-c", "python:config.server", "config.wsgi")
        counts = str(self.folder / f"{name}-counts")
        return self.supervise(
            name, *command, live_port=port, **{**settings, "GDMARKET_PORT": str(port), "PROMETHEUS_MULTIPROC_DIR": counts}
        )

    def supervise(self, name: str, *command: str, live_port: int = 0, **settings: str) -> Supervisor:
        """Start Python with these arguments and additional settings, under a supervisor."""
        environment = {**self.environment, **settings}
        process = ServerProcess([sys.executable, *command], log=self.folder / f"{name}.log", folder=self.tree, environment=environment)
        supervisor = Supervisor(name=name, process=process, report=self.report, live_port=live_port)
        supervisor.start()
        return supervisor


@contextmanager
def open_cluster(
    *,
    folder: Path,
    port: int = 0,
    webs: int = 2,
    settings: Mapping[str, str],
    report: Callable[[str], None],
) -> Iterator[Cluster]:
    """Run a cluster in `folder` for the length of the block, with the demo in it.

    `settings` are those of the product and of the gateway; without `DATABASE_URL` among them a PostgreSQL server is started.
    """
    with ExitStack() as stack:
        gateway = Gateway(port=port or free_port(), folder=folder, report=report)
        stack.callback(gateway.stop)
        gateway.start(environment=settings)
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "GDMARKET_DATA_DIR": str(folder),
            "GDMARKET_SECRET_KEY": secrets.token_urlsafe(48),
            "GDMARKET_TRUSTED_PROXIES": "1",
            "GDMARKET_PUBLIC_DEMO": "true",
            "GDMARKET_RELAY": "",
            "GDMARKET_HOST": "127.0.0.1",
            **settings,
            "DATABASE_URL": settings.get("DATABASE_URL") or stack.enter_context(running_postgresql(durable=True)),
        }
        provider = stack.enter_context(SimulatorProcess(folder=folder, quiet=True))
        environment |= {"GDMARKET_PAYMENT_GATEWAY": "http", "GDMARKET_PAYMENT_URL": provider.url}
        cluster = Cluster(gateway=gateway, environment=environment, folder=folder, provider=provider, report=report)
        stack.callback(cluster.stop)
        cluster.manage("migrate", "--verbosity", "0")
        cluster.manage("load_demo")
        cluster.replace_relay()
        cluster.others.append(cluster.supervise("reconcile", "manage.py", *_RECONCILE))
        for _ in range(webs):
            cluster.start_web()
        for web in cluster.webs:
            cluster.enable_when_ready(web)
        yield cluster
