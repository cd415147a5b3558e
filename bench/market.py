"""A real market to measure: its own server, relay, data and, for PostgreSQL, its own durable database server."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import django

from deploy.servers.ports import free_port
from deploy.servers.postgresql import PostgresqlServer

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True, slots=True)
class Market:
    """Where it answers, and the environment in which `manage.py` works on it."""

    port: int
    environment: Mapping[str, str]


@contextmanager
def open_database(*, database: str) -> Iterator[dict[str, str]]:
    """Keep an empty `sqlite` or `postgresql` for the length of the block; gives the environment in which Django finds it.

    The PostgreSQL server writes as carefully as one in service, and remembers when each transaction was committed.
    """
    with ExitStack() as stack:
        url = ""
        if database == "postgresql":
            server = PostgresqlServer(durable=True, options={"track_commit_timestamp": "on"})
            stack.callback(server.stop)
            server.start()
            url = server.url
        yield {
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "GDMARKET_DATA_DIR": stack.enter_context(tempfile.TemporaryDirectory(prefix="gdmarket-bench-")),
            "GDMARKET_LOG_LEVEL": "WARNING",
            "GDMARKET_SECRET_KEY": secrets.token_urlsafe(48),
            "GDMARKET_THROTTLE_ANON": "off",
            "GDMARKET_THROTTLE_USER": "off",
        }


@contextmanager
def open_market(*, database: str) -> Iterator[Market]:
    """Serve the demo on `sqlite` or `postgresql` for the length of the block."""
    with ExitStack() as stack:
        environment = stack.enter_context(open_database(database=database)) | {"GDMARKET_PORT": str(free_port())}
        served = subprocess.Popen(
            [sys.executable, "-m", "config.serve"], cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, text=True
        )
        stack.callback(_stop, served)
        _wait_for_welcome(served)
        yield Market(port=int(environment["GDMARKET_PORT"]), environment=environment)


def enter(environment: Mapping[str, str]) -> None:
    """Make this process, and those it starts, work on that database; once in a process, before anything of Django is imported."""
    os.environ.update(environment)
    django.setup()


def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` to its end; what it prints is returned, and shown when it fails."""
    ended = subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        print(ended.stdout, ended.stderr, file=sys.stderr)
    return ended


def _wait_for_welcome(served: subprocess.Popen[str]) -> None:
    assert served.stdout is not None
    for line in served.stdout:
        if "Ctrl-C" in line:
            return
    sys.exit("The server did not start.")


def _stop(served: subprocess.Popen[str]) -> None:
    served.terminate()
    served.communicate(timeout=60)
