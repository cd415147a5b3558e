"""Nothing that a user sent, and no secret, is in the JSON logs, in error responses or in the metrics."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection

from deploy.servers.waiting import wait_until
from tests.e2e.bare_server import Server, serving
from tests.e2e.http_client import HttpClient
from tests.e2e.served import ROOT
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.nightly("sqlite")  # slow

CANARY = "c4n4ry"
SECRET_SETTINGS = {
    "GDMARKET_SECRET_KEY": f"{CANARY}-key-{'x' * 50}",
    "GDMARKET_PAYMENT_WEBHOOK_SECRETS": f"{CANARY}-webhook",
    "GDMARKET_METRICS_TOKEN": "",
    "GDMARKET_LOG_FORMAT": "json",
    "GDMARKET_LOG_LEVEL": "DEBUG",
}
BOOM = f"{CANARY}-boom"


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
    """Make the database fail on some names, with errors that repeat the name."""
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
    return plain | {"description": f"{CANARY} description", "place": f"{CANARY} street 7"} | fields


def rent(manager: HttpClient, renter: HttpClient) -> None:
    """Complete one rental, and cancel another."""
    email, password = f"{CANARY}@example.com", f"{CANARY}-password-1"
    person = {"email": email, "password": password, "display_name": f"{CANARY} Kim"}
    assert renter.call("POST", "/api/v1/auth/register", person)[0] == 201
    assert renter.call("POST", "/api/v1/auth/register", person)[0] == 409
    renter.sign_in(email, password)
    status, ladder = manager.call("POST", "/api/v1/items", item())
    assert status == 201, ladder
    wait_until(lambda: renter.call("POST", "/api/v1/rentals", {"item": ladder["id"]})[0] in {201, 409}, "the listing")
    _, mine = renter.call("GET", "/api/v1/rentals")
    rental = f"/api/v1/rentals/{mine['results'][0]['id']}"
    assert renter.call("POST", f"{rental}/payment", {"payment_method": f"{CANARY}-card"})[0] == 400
    assert renter.call("POST", f"{rental}/payment", {"payment_method": "pm_ok"}, Idempotency_Key=f"{CANARY}-idem")[0] == 200
    assert manager.call("POST", f"{rental}/handover", {})[0] == 200
    assert manager.call("POST", f"{rental}/return", {})[0] == 200
    status, second = renter.call("POST", "/api/v1/rentals", {"item": ladder["id"], "payment_method": "pm_ok"})
    assert status == 201, second
    assert renter.call("POST", f"/api/v1/rentals/{second['id']}/cancel", {"reason": f"{CANARY} is ill"})[0] in {200, 202}


def send_refused_requests(manager: HttpClient, renter: HttpClient, anonymous: HttpClient) -> None:
    """Send requests that are refused."""
    assert anonymous.call("POST", "/api/v1/auth/token", {"email": f"{CANARY}@example.com", "password": f"{CANARY}-wrong"})[0] == 401
    assert anonymous.call("GET", f"/api/v1/items?q={CANARY}&category={CANARY}")[0] == 200
    assert anonymous.call("GET", f"/api/v1/items?unknown={CANARY}")[0] == 400
    assert anonymous.call("GET", f"/api/v1/items?near={CANARY}&cursor={CANARY}")[0] == 400
    assert anonymous.call("GET", f"/{CANARY}/{quote(CANARY + '@example.com')}?token={CANARY}")[0] == 404
    assert anonymous.call("GET", "/api/v1/rentals", Authorization=f"Bearer {CANARY}")[0] == 401
    hostile = {"X_Correlation_ID": f"{CANARY} {{}}", "X_Forwarded_For": CANARY, "Cookie": f"sessionid={CANARY}"}
    hostile |= dict.fromkeys(("User_Agent", "Accept", "If_None_Match", "traceparent", "Accept_Language"), CANARY)
    assert anonymous.call("GET", "/api/v1/items", **hostile)[0] < 500
    assert anonymous.call("GET", "/api/v1/items", Host=f"{CANARY}.example.com")[0] == 400
    assert anonymous.call("POST", "/api/v1/payments/webhooks/http", {"id": CANARY}, Fake_Signature=f"t=1,v1={CANARY}")[0] in {401, 403, 404}
    assert anonymous.call("POST", "/admin/login/", {"username": CANARY, "password": CANARY}, Cookie=f"csrftoken={CANARY}")[0] == 403
    assert manager.call("POST", "/api/v1/items", item(daily_price=CANARY, category=CANARY * 90))[0] == 400
    assert renter.call("POST", "/api/v1/items", item())[0] == 403
    for line in (
        f"GET / HTTP/1.1\r\nHost: localhost\r\nBad {CANARY} header\r\n\r\n",
        f"{CANARY}\r\n\r\n",
        f"GET /{CANARY} HTTP/9{CANARY}\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", anonymous.port)) as raw:
            raw.sendall(f"{line}\r\n\r\n".encode())
            raw.settimeout(10)
            assert raw.recv(100).startswith(b"HTTP/1.1 4")


def cause_errors(server: Server, manager: HttpClient) -> None:
    """Cause unexpected errors, in a request and in a handler."""
    assert manager.call("POST", "/api/v1/items", item(name=f"{BOOM} ladder"))[0] == 500
    assert manager.call("POST", "/api/v1/items", item(place=f"{BOOM} street"))[0] == 201
    wait_until(lambda: "status_view failed on" in server.output.read_text(), "a handler that fails")


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_no_canary_is_in_logs_responses_or_metrics(
    process_environment: dict[str, str], people: type[UserFactory], tmp_path: Path, broken_tables: None
) -> None:
    environment = process_environment | SECRET_SETTINGS
    people(item_manager=True, email=f"manager-{CANARY}@example.com", display_name=f"{CANARY} Lee")
    log = tmp_path / "log"
    with serving(environment, output=log) as server, relaying(environment, log):
        manager, renter, anonymous = (HttpClient(server.port) for _ in range(3))
        manager.sign_in(f"manager-{CANARY}@example.com", "gdmarket-demo")
        rent(manager, renter)
        send_refused_requests(manager, renter, anonymous)
        cause_errors(server, manager)
        metrics = server.get("/metrics")

    logged = log.read_text()
    refusals = [text for client in (manager, renter, anonymous) for text in client.refusals]
    tokens = [caller.token for caller in (manager, renter)]
    for text in (logged, "\n".join(refusals), metrics):
        assert [line for line in text.splitlines() if CANARY in line.lower() or any(token in line for token in tokens)] == []

    # The logs had something to search: every line is an object, with the requests and the errors.
    lines = lines_of(logged)
    routes = {(line["method"], line["route"], line["status"]) for line in lines if line["logger"] == "gdmarket.access"}
    assert {("POST", "/api/v1/auth/token", 401), ("POST", "/api/v1/items", 500)} <= routes
    cancel = ("POST", "/api/v1/rentals/<id:rental_id>/cancel")
    assert {(*cancel, 200), (*cancel, 202)} & routes  # 202: the refund takes longer than the request
    assert {"gunicorn.error", "gdmarket.access", "gdmarket.console", "gdmarket.rest.problems"} <= {line["logger"] for line in lines}
    failed = [line["exception"] for line in lines if "exception" in line]
    assert any("apps/items/services/__init__.py" in error for error in failed)
    assert any("apps/status_view" in error for error in failed)
    assert all("Traceback" not in error or "line" in error for error in failed)
    assert len(refusals) > 10


def test_text_logs_have_the_canary(
    process_environment: dict[str, str], tmp_path: Path, broken_tables: None, people: type[UserFactory]
) -> None:
    """The control: text logs have error messages, so the search finds them there."""
    environment = process_environment | SECRET_SETTINGS | {"GDMARKET_LOG_FORMAT": "text"}
    people(item_manager=True, email="manager@example.com")
    with serving(environment, output=tmp_path / "log") as server:
        manager = HttpClient(server.port)
        manager.sign_in("manager@example.com", "gdmarket-demo")
        assert manager.call("POST", "/api/v1/items", item(name=f"{BOOM} ladder"))[0] == 500

    assert CANARY in (tmp_path / "log").read_text()
