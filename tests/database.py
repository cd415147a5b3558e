"""The pytest plugin that gives the tests a database, or several: `pytest --database sqlite|postgresql|split`.

It works before Django's settings are read, once for all workers, and puts what it made into the environment, where the settings
look. Name a server of your own with GDMARKET_TEST_POSTGRES_URL; the test databases on it are made anew
and dropped again.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import pytest

from deploy.servers.postgresql import PostgresqlServer
from tests import ordering

_ENVIRONMENT = {
    "GDMARKET_SECRET_KEY": "only-for-tests-and-long-enough-to-please-every-check-there-is",
    "GDMARKET_DISPATCH": "inline",
    "GDMARKET_DISPATCH_BUDGET_MS": "5000",
    "GDMARKET_LOG_LEVEL": "WARNING",
    "GDMARKET_THROTTLE_USER": "off",
    "GDMARKET_THROTTLE_ANON": "off",
    "GDMARKET_THROTTLE_AUTH": "off",
    "GDMARKET_THROTTLE_REGISTER": "off",
    "GDMARKET_ITEMS_DATABASE_URL": "",
    "GDMARKET_RENTALS_DATABASE_URL": "",
    "GDMARKET_PAYMENTS_DATABASE_URL": "",
    "GDMARKET_STATUS_VIEW_DATABASE_URL": "",
}


class _Session:
    """What one run of pytest made outside itself and must take away again."""

    data_dir: Path | None = None
    servers: ClassVar[list[PostgresqlServer]] = []

    @classmethod
    def end(cls) -> None:
        while cls.servers:
            cls.servers.pop().stop()
        if cls.data_dir is not None:
            shutil.rmtree(cls.data_dir, ignore_errors=True)
            cls.data_dir = None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--database` and `--nightly`."""
    parser.addoption(
        "--database",
        choices=["sqlite", "postgresql", "split"],
        default="sqlite",
        help=(
            "the database the tests run on (default: sqlite, in a temporary file; postgresql starts a server of its own); "
            "split: items on SQLite, people and rentals on one PostgreSQL database, payments and the status view on another"
        ),
    )
    parser.addoption("--nightly", action="store_true", help="run what is marked nightly, too (./dev nightly)")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Point Django's settings at the tests' database, before anything reads them; workers inherit the environment."""
    kind = early_config.known_args_namespace.database
    asks_only = early_config.known_args_namespace.help or early_config.known_args_namespace.version
    _Session.data_dir = Path(tempfile.mkdtemp(prefix="gdmarket-tests-"))
    os.environ.update(_ENVIRONMENT, GDMARKET_DATA_DIR=str(_Session.data_dir))
    try:
        os.environ["DATABASE_URL"] = "" if kind == "sqlite" or asks_only else _postgresql_url()
        if kind == "split" and not asks_only:
            os.environ.update(_split_urls(_Session.data_dir))
        yield
    except BaseException:
        _Session.end()
        raise


def pytest_configure(config: pytest.Config) -> None:
    """Take everything away again, however the run ends."""
    config.add_cleanup(_Session.end)


def pytest_report_header(config: pytest.Config) -> str:
    """Say in the first lines which database this is."""
    return f"database: {config.option.database}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what runs on other databases, and by night; put what takes longest first."""
    left_out = [item for item in items if _is_left_out(item, config)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]
    ordering.order(config, items)


def _is_left_out(item: pytest.Item, config: pytest.Config) -> bool:
    database = config.option.database
    needed = [name for name in ("sqlite", "postgresql", "split") if item.get_closest_marker(name)]
    if database == "split":  # its rentals are on PostgreSQL
        needed = [name for name in needed if name != "postgresql"]
    elif not needed and not _uses_database(item):
        needed = ["sqlite"]
    if needed and database not in needed:
        return True
    nightly = item.get_closest_marker("nightly")
    return nightly is not None and not config.option.nightly and database in (nightly.args or (database,))


def _uses_database(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    return bool(item.get_closest_marker("django_db") or item.get_closest_marker("each_database") or {"db", "transactional_db"} & fixtures)


def _postgresql_url() -> str:
    #: A PostgreSQL server for the tests. Otherwise they start one of their own, and stop it again.
    given = os.environ.get("GDMARKET_TEST_POSTGRES_URL")
    if given:
        return given
    server = PostgresqlServer()
    _Session.servers.append(server)
    server.start()
    return server.url


def _split_urls(data_dir: Path) -> dict[str, str]:
    """Return the database of each context that is not in `default`, where people and rentals are."""
    second = urlsplit(os.environ["DATABASE_URL"])._replace(path="/payments").geturl()
    return {
        "GDMARKET_ITEMS_DATABASE_URL": f"sqlite:///{data_dir / 'items.sqlite3'}",
        "GDMARKET_PAYMENTS_DATABASE_URL": second,
        "GDMARKET_STATUS_VIEW_DATABASE_URL": second,
    }
