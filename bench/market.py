"""A real market to measure: its own server, relay, data and, for PostgreSQL, its own durable database server."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.postgresql import PostgresqlServer

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def open_market(*, database: str) -> Iterator[int]:
    """Serve the demo on `sqlite` or `postgresql` for the length of the block; gives the port."""
    with ExitStack() as stack:
        data_dir = stack.enter_context(tempfile.TemporaryDirectory(prefix="gdmarket-bench-"))
        url = ""
        if database == "postgresql":
            server = PostgresqlServer(durable=True)
            stack.callback(server.stop)
            server.start()
            url = server.url
        port = _free_port()
        environment = os.environ | {
            "DATABASE_URL": url,
            "GDMARKET_DATA_DIR": data_dir,
            "GDMARKET_LOG_LEVEL": "WARNING",
            "GDMARKET_PORT": str(port),
            "GDMARKET_SECRET_KEY": secrets.token_urlsafe(48),
            "GDMARKET_THROTTLE_ANON": "off",
            "GDMARKET_THROTTLE_USER": "off",
        }
        served = subprocess.Popen([sys.executable, "-m", "config.serve"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        stack.callback(_stop, served)
        _wait_for_welcome(served)
        yield port


def _wait_for_welcome(served: subprocess.Popen[str]) -> None:
    assert served.stdout is not None
    for line in served.stdout:
        if "Ctrl-C" in line:
            return
    sys.exit("The server did not start.")


def _stop(served: subprocess.Popen[str]) -> None:
    served.terminate()
    served.communicate(timeout=60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
