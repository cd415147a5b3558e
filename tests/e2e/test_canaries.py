"""Nothing that a person typed, and no secret, is ever seen in the logs, in what is refused, or in the numbers."""

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection

from deploy.servers.waiting import wait_until
from tests.e2e.bare_server import Server, serving
from tests.e2e.served import ROOT
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.nightly("sqlite")  # slow: by day on PostgreSQL alone

BIRD = "c4n4ry"
SECRET_SETTINGS = {
    "GDMARKET_SECRET_KEY": f"{BIRD}-key-{'x' * 50}",
    "GDMARKET_PAYMENT_WEBHOOK_SECRETS": f"{BIRD}-webhook",
    "GDMARKET_METRICS_TOKEN": "",
    "GDMARKET_LOG_FORMAT": "json",
    "GDMARKET_LOG_LEVEL": "DEBUG",
}
BOOM = f"{BIRD}-boom"


class Caller:
    """Somebody who calls over HTTP, and keeps what was refused."""

    def __init__(self, port: int, refusals: list[str]) -> None:
        self.port, self.refusals, self.token = port, refusals, ""

    def call(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        mine = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data, method=method, headers=mine | sent)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refused:
            text = refused.read().decode()
            self.refusals.append(text)
            return refused.code, text

    def sign_in(self, email: str, password: str) -> None:
        status, tokens = self.call("POST", "/api/v1/auth/token", {"email": email, "password": password})
        assert status == 200, tokens
        self.token = tokens["access"]


@contextmanager
def relaying(environment: dict[str, str], output: Path) -> Iterator[None]:
    with output.open("ab") as sink:
        relay = subprocess.Popen([sys.executable, "manage.py", "relay"], cwd=ROOT, env=environment, stdout=sink, stderr=sink)
    try:
        wait_until(lambda: "relay: delivering" in output.read_text(), "a relay")
        yield
    finally:
        relay.terminate()
        assert relay.wait(30) == 0


@pytest.fixture
def broken_tables(transactional_db: None) -> Iterator[None]:
    """Let the database refuse some names with words nobody foresaw, and repeat the name in them."""
    tables = {"items_item": "name", "status_view_itemstatus": "place"}
    with connection.cursor() as cursor:
        for table, column in tables.items():
            if connection.vendor == "sqlite":
                cursor.execute(
                    f"CREATE TRIGGER boom_{table} BEFORE INSERT ON {table} WHEN NEW.{column} LIKE '{BOOM}%' "
                    f"BEGIN SELECT RAISE(ABORT, '{BOOM} is refused'); END"
                )
            else:
                cursor.execute(
                    f"CREATE FUNCTION boom_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                    f"IF NEW.{column} LIKE '{BOOM}%' THEN RAISE EXCEPTION '% is refused', NEW.{column}; END IF; RETURN NEW; END $$"
                )
                cursor.execute(f"CREATE TRIGGER boom BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION boom_{table}()")
    yield
    with connection.cursor() as cursor:
        for table in tables:
            if connection.vendor == "sqlite":
                cursor.execute(f"DROP TRIGGER boom_{table}")
            else:
                cursor.execute(f"DROP FUNCTION boom_{table} CASCADE")


def item(**fields: object) -> dict[str, object]:
    plain = {"name": "ladder", "category": "tools", "daily_price": 1000, "latitude": 37.5, "longitude": 127.0}
    return plain | {"description": f"{BIRD} description", "place": f"{BIRD} street 7"} | fields


def rent(manager: Caller, renter: Caller) -> None:
    """Live one whole rental, and cancel another."""
    email, password = f"{BIRD}@example.com", f"{BIRD}-password-1"
    person = {"email": email, "password": password, "display_name": f"{BIRD} Kim"}
    assert renter.call("POST", "/api/v1/auth/register", person)[0] == 201
    assert renter.call("POST", "/api/v1/auth/register", person)[0] == 409
    renter.sign_in(email, password)
    status, ladder = manager.call("POST", "/api/v1/items", item())
    assert status == 201, ladder
    wait_until(lambda: renter.call("POST", "/api/v1/rentals", {"item": ladder["id"]})[0] in {201, 409}, "the listing")
    _, mine = renter.call("GET", "/api/v1/rentals")
    rental = f"/api/v1/rentals/{mine['results'][0]['id']}"
    assert renter.call("POST", f"{rental}/payment", {"payment_method": f"{BIRD}-card"})[0] == 400
    assert renter.call("POST", f"{rental}/payment", {"payment_method": "pm_ok"}, Idempotency_Key=f"{BIRD}-idem")[0] == 200
    assert manager.call("POST", f"{rental}/handover", {})[0] == 200
    assert manager.call("POST", f"{rental}/return", {})[0] == 200
    status, second = renter.call("POST", "/api/v1/rentals", {"item": ladder["id"], "payment_method": "pm_ok"})
    assert status == 201, second
    assert renter.call("POST", f"/api/v1/rentals/{second['id']}/cancel", {"reason": f"{BIRD} is ill"})[0] in {200, 202}


def offend(manager: Caller, renter: Caller, anonymous: Caller) -> None:
    """Do all that is refused."""
    assert anonymous.call("POST", "/api/v1/auth/token", {"email": f"{BIRD}@example.com", "password": f"{BIRD}-wrong"})[0] == 401
    assert anonymous.call("GET", f"/api/v1/items?q={BIRD}&category={BIRD}")[0] == 200
    assert anonymous.call("GET", f"/api/v1/items?unknown={BIRD}")[0] == 400
    assert anonymous.call("GET", f"/api/v1/items?near={BIRD}&cursor={BIRD}")[0] == 400
    assert anonymous.call("GET", f"/{BIRD}/{quote(BIRD + '@example.com')}?token={BIRD}")[0] == 404
    assert anonymous.call("GET", "/api/v1/rentals", Authorization=f"Bearer {BIRD}")[0] == 401
    hostile = {"X_Correlation_ID": f"{BIRD} {{}}", "User_Agent": BIRD, "X_Forwarded_For": BIRD, "Cookie": f"sessionid={BIRD}"}
    assert (
        anonymous.call("GET", "/api/v1/items", **hostile, Accept=BIRD, If_None_Match=BIRD, traceparent=BIRD, Accept_Language=BIRD)[0] < 500
    )
    assert anonymous.call("GET", "/api/v1/items", Host=f"{BIRD}.example.com")[0] == 400
    assert anonymous.call("POST", "/api/v1/payments/webhooks/http", {"id": BIRD}, Fake_Signature=f"t=1,v1={BIRD}")[0] in {401, 403, 404}
    assert anonymous.call("POST", "/admin/login/", {"username": BIRD, "password": BIRD}, Cookie=f"csrftoken={BIRD}")[0] == 403
    assert manager.call("POST", "/api/v1/items", item(daily_price=BIRD, category=BIRD * 90))[0] == 400
    assert renter.call("POST", "/api/v1/items", item())[0] == 403
    for line in (f"GET / HTTP/1.1\r\nHost: localhost\r\nBad {BIRD} header\r\n\r\n", f"{BIRD}\r\n\r\n", f"GET /{BIRD} HTTP/9{BIRD}\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", anonymous.port)) as raw:
            raw.sendall(line.encode())
            raw.settimeout(10)
            assert raw.recv(100).startswith(b"HTTP/1.1 4")


def break_down(server: Server, manager: Caller) -> None:
    """Meet errors that nobody foresaw, in a request and in a handler."""
    assert manager.call("POST", "/api/v1/items", item(name=f"{BOOM} ladder"))[0] == 500
    assert manager.call("POST", "/api/v1/items", item(place=f"{BOOM} street"))[0] == 201
    wait_until(lambda: "status_view failed on" in server.output.read_text(), "a handler that fails")


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_no_canary_is_seen_again(
    process_environment: dict[str, str], people: type[UserFactory], tmp_path: Path, broken_tables: None
) -> None:
    environment = process_environment | SECRET_SETTINGS
    people(item_manager=True, email=f"manager-{BIRD}@example.com", display_name=f"{BIRD} Lee")
    log, refusals = tmp_path / "log", list[str]()
    with serving(environment, output=log) as server, relaying(environment, log):
        manager, renter, anonymous = (Caller(server.port, refusals) for _ in range(3))
        manager.sign_in(f"manager-{BIRD}@example.com", "gdmarket-demo")
        rent(manager, renter)
        offend(manager, renter, anonymous)
        break_down(server, manager)
        metrics = server.get("/metrics")

    logged = log.read_text()
    tokens = [caller.token for caller in (manager, renter)]
    for text in (logged, "\n".join(refusals), metrics):
        assert [line for line in text.splitlines() if BIRD in line.lower() or any(token in line for token in tokens)] == []

    # They were looked for where there is something to see: each line is an object, and tells what was done and what went wrong.
    lines = lines_of(logged)
    routes = {(line["method"], line["route"], line["status"]) for line in lines if line["logger"] == "gdmarket.access"}
    assert {
        ("POST", "/api/v1/auth/token", 401),
        ("POST", "/api/v1/items", 500),
        ("POST", "/api/v1/rentals/<uuid:rental_id>/cancel", 200),
    } <= routes
    assert {"gunicorn.error", "gdmarket.access", "gdmarket.console", "gdmarket.rest.problems"} <= {line["logger"] for line in lines}
    failed = [line["exception"] for line in lines if "exception" in line]
    assert any("apps/items/services.py" in error for error in failed)
    assert any("apps/status_view" in error for error in failed)
    assert all("Traceback" not in error or "line" in error for error in failed)
    assert len(refusals) > 10


def test_a_canary_that_flies_is_seen(
    process_environment: dict[str, str], tmp_path: Path, broken_tables: None, people: type[UserFactory]
) -> None:
    """The control: lines for people tell an error's own words, so that the search finds some there."""
    environment = process_environment | SECRET_SETTINGS | {"GDMARKET_LOG_FORMAT": "text"}
    people(item_manager=True, email="manager@example.com")
    with serving(environment, output=tmp_path / "log") as server:
        manager = Caller(server.port, [])
        manager.sign_in("manager@example.com", "gdmarket-demo")
        assert manager.call("POST", "/api/v1/items", item(name=f"{BOOM} ladder"))[0] == 500

    assert BIRD in (tmp_path / "log").read_text()
