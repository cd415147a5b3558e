"""The cluster: what it is made of, in which order it starts and stops, and how it grows and is renewed."""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.gateway import SLOTS, Gateway
from deploy.local.supervisor import Job, Supervisor, answers
from deploy.servers.ports import free_port
from deploy.servers.postgresql import PostgresqlServer
from deploy.servers.waiting import wait_until
from tests.fake_provider import FakeProcess

ROOT = Path(__file__).resolve().parent.parent.parent
_RECONCILE = ("reconcile_payments", "--every", "3600", "--days", "30", "--older-than", "60")


@dataclass(kw_only=True, slots=True, eq=False)
class Web:
    """One server: who keeps it, where it answers, and its slot at the gateway."""

    supervisor: Supervisor
    port: int
    slot: str
    tree: Path


@dataclass(kw_only=True, slots=True)
class Cluster:
    """A running cluster; `webs` and `relay` are those that serve now."""

    gateway: Gateway
    environment: Mapping[str, str]
    folder: Path
    fake: FakeProcess
    tell: Callable[[str], None]
    tree: Path = ROOT
    version: int = 0
    webs: list[Web] = field(default_factory=list)
    relay: Supervisor | None = None
    others: list[Supervisor] = field(default_factory=list)
    _born: int = 0

    @property
    def port(self) -> int:
        """Where people reach the market."""
        return self.gateway.port

    @property
    def database_url(self) -> str:
        """The database of all contexts."""
        return self.environment["DATABASE_URL"]

    def manage(self, *arguments: str) -> None:
        """Run `manage.py` of the version that is deployed, to its end.

        :raises subprocess.CalledProcessError: if it fails
        """
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, cwd=self.tree, env=self.environment, stdout=subprocess.DEVNULL, check=True)

    def start_web(self, **settings: str) -> Web:
        """Start a server, with settings of its own, and return at once: it takes no requests yet."""
        self._born += 1
        port = free_port()
        web = Web(supervisor=self._keep_web(f"web-{self._born}", port, settings), port=port, slot=self._free_slot(), tree=self.tree)
        self.webs.append(web)
        return web

    def is_ready(self, web: Web) -> bool:
        """Say whether a server may be sent requests."""
        return answers(port=web.port, path="/health/ready")

    def add_web(self, **settings: str) -> Web:
        """Start a server, and send it requests once it is ready."""
        web = self.start_web(**settings)
        wait_until(lambda: self.is_ready(web), f"{web.supervisor.job.name} to be ready: see {web.supervisor.job.log}")
        self.gateway.enable(slot=web.slot, port=web.port)
        return web

    def remove_web(self, web: Web) -> None:
        """Send a server no more requests, let it finish those it has, and stop it."""
        self.gateway.drain(slot=web.slot)
        web.supervisor.stop()
        self.gateway.disable(slot=web.slot)
        self.webs.remove(web)

    def restart_in_place(self, web: Web) -> None:
        """Stop a server and start it anew at its place, telling nobody and waiting for nothing: what `./dev rollout --control` does."""
        web.supervisor.stop()
        web.tree = self.tree
        web.supervisor = self._keep_web(web.supervisor.job.name, web.port, {})

    def replace_relay(self) -> None:
        """Start a relay of the version that is deployed, then stop the one before."""
        before = self.relay
        self._born += 1
        port = free_port()
        self.relay = self._keep(f"relay-{self._born}", "manage.py", "relay", live_port=port, GDMARKET_RELAY_PORT=str(port))
        wait_until(self.relay.is_live, f"{self.relay.job.name} to live: see {self.relay.job.log}")
        if before is not None:
            before.stop()

    def start_reconciliation(self) -> None:
        """Hold the payments against the provider's book every hour."""
        self.others.append(self._keep("reconcile", "manage.py", *_RECONCILE))

    @contextmanager
    def control_gateway(self) -> Iterator[None]:
        """Have people come by another gateway for the length of the block: one that checks no server and tries nothing again."""
        careful = self.gateway
        control = Gateway(port=free_port(), folder=self.folder, tell=self.tell, name="control")
        control.start(environment=self.environment)
        try:
            for web in self.webs:
                control.enable(slot=web.slot, port=web.port)
            self.gateway = control
            yield
        finally:
            self.gateway = careful
            control.stop()

    def stop(self) -> None:
        """Stop all: first who brings work, last who does what is left of it."""
        self.gateway.stop()
        for supervisors in ([web.supervisor for web in self.webs], [*self.others, *([self.relay] if self.relay else [])]):
            for supervisor in supervisors:
                supervisor.request_stop()
            for supervisor in supervisors:
                supervisor.stop()

    def _free_slot(self) -> str:
        taken = {web.slot for web in self.webs}
        return next(slot for number in range(1, SLOTS + 1) if (slot := f"web{number}") not in taken)

    def _keep_web(self, name: str, port: int, settings: Mapping[str, str]) -> Supervisor:
        command = ("-m", "gunicorn", "-c", "python:config.server", "config.wsgi")
        counts = str(self.folder / f"{name}-counts")
        return self._keep(name, *command, live_port=port, **{**settings, "GDMARKET_PORT": str(port), "PROMETHEUS_MULTIPROC_DIR": counts})

    def _keep(self, name: str, *command: str, live_port: int = 0, **settings: str) -> Supervisor:
        job = Job(
            name=name,
            command=[sys.executable, *command],
            folder=self.tree,
            environment={**self.environment, **settings},
            log=self.folder / f"{name}.log",
            live_port=live_port,
        )
        supervisor = Supervisor(job=job, tell=self.tell)
        supervisor.start()
        return supervisor


@contextmanager
def open_cluster(
    *,
    folder: Path,
    port: int = 0,
    webs: int = 2,
    settings: Mapping[str, str],
    tell: Callable[[str], None],
) -> Iterator[Cluster]:
    """Run a cluster in `folder` for the length of the block, with the demo in it.

    `settings` are those of the market and of the gateway; with `DATABASE_URL` among them that database is used, else one is made.
    """
    with ExitStack() as stack:
        gateway = Gateway(port=port or free_port(), folder=folder, tell=tell)
        stack.callback(gateway.stop)
        gateway.start(environment=settings)
        environment = _environment(stack, folder=folder, settings=settings)
        fake = stack.enter_context(FakeProcess(folder=folder, environment=environment, verbosity=0))
        environment |= {"GDMARKET_PAYMENT_GATEWAY": "http", "GDMARKET_PAYMENT_URL": fake.url}
        cluster = Cluster(gateway=gateway, environment=environment, folder=folder, fake=fake, tell=tell)
        stack.callback(cluster.stop)
        cluster.manage("migrate", "--verbosity", "0")
        cluster.manage("load_demo")
        cluster.replace_relay()
        cluster.start_reconciliation()
        for _ in range(webs):
            cluster.start_web()
        for web in cluster.webs:
            wait_until(lambda web=web: cluster.is_ready(web), f"{web.supervisor.job.name} to be ready")  # type: ignore[misc]  # one web each
            gateway.enable(slot=web.slot, port=web.port)
        yield cluster


def _environment(stack: ExitStack, *, folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    url = settings.get("DATABASE_URL", "")
    if not url:
        server = PostgresqlServer(durable=True)
        stack.callback(server.stop)
        server.start()
        url = server.url
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "GDMARKET_DATA_DIR": str(folder),
        "GDMARKET_SECRET_KEY": secrets.token_urlsafe(48),
        "GDMARKET_TRUSTED_PROXIES": "1",
        "GDMARKET_RELAY": "",
        "GDMARKET_HOST": "127.0.0.1",
        **settings,
        "DATABASE_URL": url,
    }
