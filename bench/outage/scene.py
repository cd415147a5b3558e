"""The market of the measurement: PostgreSQL, servers of several workers, a relay, and a provider that can be made slow."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.market import ROOT, enter, manage, open_database
from bench.outage.plan import Plan
from deploy.servers.ports import free_port
from tests.fake_provider import FakeProcess

_PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """Where the servers answer, and the provider."""

    ports: tuple[int, ...]
    fake: FakeProcess


@contextmanager
def open_scene(*, plan: Plan) -> Iterator[Scene]:
    """Set it up for the length of the block, and make this process work on its database."""
    with ExitStack() as stack:
        environment = stack.enter_context(open_database(database="postgresql"))
        fake = stack.enter_context(
            FakeProcess(folder=Path(environment["GDMARKET_DATA_DIR"]), environment=os.environ | environment, verbosity=0)
        )
        enter(
            environment
            | {
                "GDMARKET_PAYMENT_GATEWAY": "http",
                "GDMARKET_PAYMENT_URL": fake.url,
                "GDMARKET_PAYMENT_TIMEOUT_MS": str(plan.timeout_ms),
                "GDMARKET_WORKERS": str(plan.workers),
                "GDMARKET_RELAY": "",
            }
        )
        manage("migrate", "--verbosity", "0")
        manage("load_demo")
        ports = tuple(_serve(stack) for _ in range(plan.servers))
        _start(stack, "manage.py", "relay", "--with-parent", str(os.getpid()))
        yield Scene(ports=ports, fake=fake)


def _serve(stack: ExitStack) -> int:
    port = free_port()
    os.environ["GDMARKET_PORT"] = str(port)
    _start(stack, "-m", "gunicorn", "-c", "python:config.server", "config.wsgi")
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5):
                return port
        except OSError:
            if time.monotonic() > deadline:
                sys.exit("A server did not start.")
            time.sleep(0.1)


def _start(stack: ExitStack, *arguments: str) -> None:
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    stack.callback(_stop, process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
