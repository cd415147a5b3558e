"""Names, searches and lists on a PostgreSQL created with en_US.UTF-8, as its container image does by default.

The locale is set-up that these tests need: apt-get install locales, then localedef -i en_US -f UTF-8 en_US.UTF-8.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deploy.servers.postgresql import running_postgresql

ROOT = Path(__file__).resolve().parent.parent.parent
RUN_AGAIN = tuple(
    f"tests/unit/{name}.py"
    for name in (
        "config/test_order_of_names",
        "config/test_desk_search",
        "gdmarket/rest/test_pagination",
        "items/test_queries",
        "items/test_api_searching",
        "status_view/test_api",
    )
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Return the URL of a server whose own order of text is that of en_US.UTF-8."""
    with running_postgresql(locale="en_US.UTF-8") as url:
        yield url


def test_the_servers_own_order_is_another(server: str) -> None:
    with psycopg.connect(server) as connection:
        [(ordered,)] = connection.execute("SELECT array_agg(n ORDER BY n) FROM unnest(ARRAY['힘', '가구', 'B', 'a']) AS n").fetchall()
        [(ours,)] = connection.execute(
            "SELECT array_agg(n ORDER BY n COLLATE \"C\") FROM unnest(ARRAY['힘', '가구', 'B', 'a']) AS n"
        ).fetchall()
    assert ordered != ours == ["B", "a", "가구", "힘"]


def test_names_and_searches_are_the_same_there(server: str) -> None:
    command = [sys.executable, "-m", "pytest", "--database", "postgresql", "-q", "-n", "1", "-p", "no:cacheprovider", *RUN_AGAIN]
    environment = {**os.environ, "GDMARKET_TEST_POSTGRES_URL": server}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr


def test_the_doctor_names_the_database(server: str, tmp_path: Path) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE doctored")
    url = server.rpartition("/")[0] + "/doctored"
    environment = {**os.environ, "DATABASE_URL": url, "GDMARKET_DATA_DIR": str(tmp_path), "PYTHONWARNINGS": "ignore"}

    def manage(*words: str) -> str:
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False).stdout

    manage("migrate")
    [said] = [line for line in manage("doctor").splitlines() if "databases: order" in line]
    assert said.startswith("warn")
    assert "default orders text by en_US.UTF-8, not by code points" in said
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE items_item ALTER COLUMN name TYPE varchar(100)")
    said = next(line for line in manage("doctor").splitlines() if "databases: order" in line)
    assert said.startswith("fail")
    assert "names are not in the order of their code points: items_item.name" in said
