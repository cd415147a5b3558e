"""A database of a campaign's own, which writes as carefully as one in service, with the market's tables in it."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deploy.servers.postgresql import PostgresqlServer

ROOT = Path(__file__).resolve().parent.parent.parent
CHOICES = ("sqlite", "postgresql", "both")


def chosen(choice: str) -> list[str]:
    """Return the databases that were asked for."""
    return ["sqlite", "postgresql"] if choice == "both" else [choice]


@contextmanager
def market_on(database: str) -> Iterator[dict[str, str]]:
    """Make the database, and give the environment in which a process works on it."""
    with ExitStack() as stack:
        data_dir = stack.enter_context(tempfile.TemporaryDirectory(prefix="gdmarket-chaos-"))
        url = ""
        if database == "postgresql":
            server = PostgresqlServer(durable=True)
            stack.callback(server.stop)
            server.start()
            url = server.url
        environment = os.environ | {
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "GDMARKET_DATA_DIR": data_dir,
            "GDMARKET_SECRET_KEY": secrets.token_urlsafe(48),
        }
        subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, env=environment, check=True)
        yield environment
