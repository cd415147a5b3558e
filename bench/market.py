"""A deployment to measure: its own servers, relay, data and, for PostgreSQL, its own durable database server."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deploy.local.supervisor import answers
from deploy.report import progress
from deploy.servers.ports import free_port
from deploy.servers.postgresql import running_postgresql
from deploy.servers.process import ROOT, ServerProcess
from deploy.unlimited import UNLIMITED


@contextmanager
def open_database(*, database: str) -> Iterator[Path]:
    """Make a `sqlite` or `postgresql` database with the demo in it for the length of the block; gives a folder for files.

    This process and those it starts work on it; models can be imported after `django.setup()`. The PostgreSQL server is durable, and keeps
    commit timestamps.
    """
    with ExitStack() as stack:
        is_postgresql = database == "postgresql"
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gdmarket-bench-")))
        url = stack.enter_context(running_postgresql(durable=True, options={"track_commit_timestamp": "on"})) if is_postgresql else ""
        os.environ |= settings_of(url=url, folder=folder)
        if manage("migrate", "--verbosity", "0").returncode or manage("load_demo").returncode:
            sys.exit("The database could not be prepared.")
        yield folder


def settings_of(*, url: str, folder: Path) -> dict[str, str]:
    """Return the environment of a market to measure: on the database at `url`, or on SQLite in `folder`."""
    return {
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "GDMARKET_DATA_DIR": str(folder),
        "GDMARKET_LOG_LEVEL": "WARNING",
        "GDMARKET_SECRET_KEY": secrets.token_urlsafe(48),
        **UNLIMITED,
    }


@contextmanager
def running(*command: str, folder: Path, name: str, environment: Mapping[str, str] | None = None) -> Iterator[ServerProcess]:
    """Run Python with these arguments for the length of the block."""
    process = ServerProcess([sys.executable, *command], log=folder / f"{name}.log", environment=os.environ | (environment or {}))
    process.start()
    try:
        yield process
    finally:
        process.stop()


@contextmanager
def serve(*, folder: Path, **settings: str) -> Iterator[int]:
    """Run a server for the length of the block, with additional settings; gives its port."""
    port = free_port()
    environment = {"GDMARKET_PORT": str(port), "PROMETHEUS_MULTIPROC_DIR": str(folder / f"counts-{port}"), **settings}
    with running(
        "-m", "gunicorn", "-c", "python:config.server", "config.wsgi", folder=folder, name=f"server-{port}", environment=environment
    ) as process:
        process.wait_until_ready(lambda: answers(port=port, path="/health/ready"))
        yield port


@contextmanager
def open_market(*, database: str) -> Iterator[int]:
    """Serve the demo on `sqlite` or `postgresql`, with a relay beside, for the length of the block; gives the port."""
    with open_database(database=database) as folder, serve(folder=folder, GDMARKET_RELAY="beside") as port:
        yield port


def manage(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `manage.py` to its end; its output is returned, and shown when it fails."""
    done = subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        progress(f"{' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done
