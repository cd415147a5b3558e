"""What every test may ask for: people, an API client, the passing of time, the bus drained."""

import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.conf import settings
from django.db import connections
from django.utils import translation
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from gdmarket import bus, databases
from tests.factories.accounts import PASSWORD, UserFactory
from tests.flushing import flush_quickly, remember_migrated_rows
from tests.passing_time import PassingTime
from tests.static_files import list_static_files_once


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--system`."""
    parser.addoption("--system", action="store_true", help="run the tests that need programs which pip does not bring, too (./dev system)")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave tests/system to `./dev system`."""
    is_system = collection_path == Path(__file__).parent / "system"
    return True if is_system and not config.option.system else None


def pytest_configure(config: pytest.Config) -> None:
    """Give each worker a data folder of its own, and make what is slow on purpose quick."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts a background job like this, and every process that a test starts would ignore Ctrl-C as well.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    worker: dict[str, str] = getattr(config, "workerinput", {})
    data_dir = Path(os.environ["GDMARKET_DATA_DIR"]) / worker.get("workerid", "main")
    data_dir.mkdir(parents=True, exist_ok=True)
    os.environ["GDMARKET_DATA_DIR"] = str(data_dir)
    settings.GDMARKET_DATA_DIR = data_dir
    settings.PASSWORD_HASHERS = ["tests.passwords.QuickHasher"]
    flush_quickly()
    list_static_files_once()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Let SQLite's test database be a file, so that threads and processes meet on it as they do in life."""
    for alias, database in connections.settings.items():
        if database["ENGINE"].endswith("sqlite"):
            database["TEST"]["NAME"] = str(settings.GDMARKET_DATA_DIR / f"{alias}.sqlite3")
            database["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL;PRAGMA synchronous=OFF;"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Read what the migrations wrote, so that it can be put back after a test."""
    with django_db_blocker.unblock():
        remember_migrated_rows()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test that asks for a database all there are: what it tests may be at home in any."""
    for item in items if len(databases.aliases()) > 1 else ():
        marker = item.get_closest_marker("django_db")
        if marker or {"db", "transactional_db"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.django_db(**{**(marker.kwargs if marker else {}), "databases": "__all__"}), append=False)


@pytest.fixture
def process_environment(transactional_db: None) -> dict[str, str]:
    """Return the environment in which another process works on this test's databases."""
    apart = {context: alias for context, alias in settings.GDMARKET_CONTEXT_DATABASES.items() if alias != "default"}
    variables = {"DATABASE_URL": "default"} | {f"GDMARKET_{context.upper()}_DATABASE_URL": alias for context, alias in apart.items()}
    urls = {variable: _url_of(alias, variable) for variable, alias in variables.items()}
    return {**os.environ, **urls, "DJANGO_SETTINGS_MODULE": "tests.settings"}


def _url_of(alias: str, variable: str) -> str:
    database = connections[alias].settings_dict
    if database["ENGINE"].endswith("sqlite"):
        return f"sqlite:///{database['NAME']}"
    return urlsplit(os.environ[variable])._replace(path=f"/{database['NAME']}").geturl()


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    """Begin each test in English: a request of an earlier one may have left its language behind."""
    with translation.override("en"):
        yield


@pytest.fixture
def people() -> type[UserFactory]:
    """Return the maker of people: `people(item_manager=True)`."""
    return UserFactory


@pytest.fixture
def api() -> APIClient:
    """Return a client of the API that nobody is logged in to."""
    return APIClient()


@pytest.fixture
def as_user() -> Callable[[Any], APIClient]:
    """Return a maker of API clients that carry a person's own access token: `as_user(renter).get(…)`."""

    def client_of(user: Any) -> APIClient:
        client = APIClient()
        answer = client.post("/api/v1/auth/token", {"email": user.email, "password": PASSWORD}, format="json")
        assert answer.status_code == 200, answer.content
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access']}")
        return client

    return client_of


@pytest.fixture
def pass_time() -> Iterator[PassingTime]:
    """Return what moves the clock, for the code and for the bus: `pass_time(minutes=15)`."""
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        yield PassingTime(traveller)


@pytest.fixture
def drain(request: pytest.FixtureRequest) -> Callable[[], int]:
    """Return what handles everything that is due, timers that `pass_time` brought forward among it; gives how many there were."""
    time: PassingTime | None = request.getfixturevalue("pass_time") if "pass_time" in request.fixturenames else None

    def run() -> int:
        handled = 0
        while True:
            if time is not None:
                time.pull_deliveries(timedelta())
            more = bus.run_until_idle()
            if not more:
                return handled
            handled += more

    return run
