"""A request, its events and their deliveries in another process are one trace, sent to a collector."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from apps.status_view.models import ItemStatus
from deploy.servers.waiting import wait_until
from tests.e2e.bare_server import serving
from tests.e2e.collector import Collector
from tests.e2e.served import ROOT, Served
from tests.factories.accounts import UserFactory

CALLER = f"00-{'a' * 32}-{'b' * 16}-01"
CANARY = "c4n4ry"


def call(port: int, path: str, body: object, **headers: str) -> tuple[dict[str, Any], dict[str, str]]:
    sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=json.dumps(body).encode(), headers=sent)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read()), dict(answer.headers)


@pytest.mark.nightly("sqlite")
def test_a_request_and_deliveries_in_another_process_are_one_trace(
    process_environment: dict[str, str], people: type[UserFactory], tmp_path: Path
) -> None:
    people(item_manager=True, email=f"{CANARY}@example.com")
    item = {"name": "ladder", "category": "tools", "daily_price": 1000, "latitude": 37.5, "longitude": 127.0, "place": CANARY}
    with Collector() as collector:
        # The relay alone delivers.
        environment = process_environment | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "GDMARKET_DISPATCH": "off",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        relay = subprocess.Popen([sys.executable, "manage.py", "relay"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        with serving(environment, output=tmp_path / "log") as server:
            tokens, _ = call(server.port, "/api/v1/auth/token", {"email": f"{CANARY}@example.com", "password": "gdmarket-demo"})
            bearer = {"Authorization": f"Bearer {tokens['access']}"}
            _, headers = call(server.port, f"/api/v1/items?token={CANARY}", item, **bearer, traceparent=CALLER)
            wait_until(lambda: len(collector.named("status_view hears items.ItemRegistered")) == 1, "the delivery")
            server.get("/metrics")
            workers = {worker.pid for worker in server.workers()}
        relay.send_signal(signal.SIGTERM)
        assert relay.wait(30) == 0

    [posted] = collector.named("POST /api/v1/items")
    assert (posted.trace_id, posted.parent_id, posted.kind) == ("a" * 32, "b" * 16, 2)
    assert posted.pid in workers
    assert posted.facts == {
        "http.request.method": "POST",
        "http.route": "/api/v1/items",
        "http.response.status_code": 201,
        "gdmarket.correlation": headers["X-Correlation-ID"],
    }
    heard = collector.named("status_view hears items.ItemRegistered") + collector.named("rentals hears items.ItemRegistered")
    assert len(heard) == 2
    for span in heard:
        assert (span.trace_id, span.parent_id, span.pid) == ("a" * 32, posted.span_id, relay.pid)
        assert span.facts["bus.outcome"] == "done"
        assert any(step.parent_id == span.span_id and "db.query.text" in step.facts for step in collector.spans)
    # Probes, scrapes and an idle relay have no spans.
    ids = {span.span_id for span in collector.spans}
    assert all(span.parent_id in ids or span.kind != 3 for span in collector.spans)
    assert collector.named("GET /health") + collector.named("GET /metrics") == []
    assert {span.service for span in collector.spans} == {"gdmarket"}
    assert CANARY not in str(collector.spans)


@pytest.mark.nightly("sqlite")
def test_a_relay_beside_the_server_sends_its_last_spans_when_it_ends(
    process_environment: dict[str, str], people: type[UserFactory], tmp_path: Path
) -> None:
    people(item_manager=True, email="manager@example.com")
    item = {"name": "ladder", "category": "tools", "daily_price": 1000, "latitude": 37.5, "longitude": 127.0, "place": "here"}
    with Collector() as collector:
        late = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "GDMARKET_DISPATCH": "off", "OTEL_BSP_SCHEDULE_DELAY": "600000"}
        served = Served(process_environment | late, tmp_path / "output")
        try:
            tokens, _ = call(served.port, "/api/v1/auth/token", {"email": "manager@example.com", "password": "gdmarket-demo"})
            call(served.port, "/api/v1/items", item, Authorization=f"Bearer {tokens['access']}")
            wait_until(ItemStatus.objects.exists, "the delivery")
        finally:
            served.process.terminate()
            assert served.process.wait(30) == 0

    assert len(collector.named("status_view hears items.ItemRegistered")) == 1


@pytest.mark.nightly("sqlite")
def test_a_failed_call_to_the_provider_is_a_span_without_the_error_message(
    process_environment: dict[str, str], people: type[UserFactory], tmp_path: Path
) -> None:
    with Collector() as collector, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        unreachable = {"GDMARKET_PAYMENT_GATEWAY": "http", "GDMARKET_PAYMENT_URL": f"http://127.0.0.1:{closed.getsockname()[1]}"}
        code = f"""
import django; django.setup()
from uuid import uuid4
from gdmarket import clock, correlation, spans
from apps.payments import contracts, facade
with spans.root_span("test", kind="server", trace=correlation.start(traceparent={CALLER!r}), attributes={{}}):
    ids = dict(payment_id=uuid4(), rental_id=uuid4(), payer_id=uuid4(), payee_id=uuid4())
    facade.charge(request=contracts.ChargeRequest(**ids, amount=1, currency="KRW", method="pm_ok"), now=clock.now())
"""
        environment = process_environment | unreachable | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)

    [root], [put] = collector.named("test"), collector.named("PUT")
    assert (put.trace_id, put.parent_id, put.kind, put.status) == ("a" * 32, root.span_id, 3, 2)
    assert put.facts == {"http.request.method": "PUT", "server.address": "127.0.0.1", "error.type": "ConnectError"}
    assert put.events == 0  # an exception event would have its message


@pytest.mark.nightly("sqlite")
def test_a_collector_that_hangs_delays_neither_responses_nor_shutdown(process_environment: dict[str, str], tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        closed.listen()  # it accepts connections, and never answers
        environment = process_environment | {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{closed.getsockname()[1]}"}
        with serving(environment, output=tmp_path / "log") as server:
            assert server.get("/api/v1/items") == "200"
            began_s = time.monotonic()
        assert time.monotonic() - began_s < 25


@pytest.mark.nightly("sqlite")
def test_without_an_endpoint_nothing_of_opentelemetry_is_imported(process_environment: dict[str, str]) -> None:
    code = """
import sys
import config.wsgi
from django.core.management import call_command
from django.test import Client
assert Client(SERVER_NAME="localhost").get("/api/v1/items").status_code == 200
call_command("relay", "--once")
print(sorted(name for name in sys.modules if name.startswith("opentelemetry")))
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=process_environment, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


def test_an_endpoint_without_the_libraries_is_reported_in_one_line() -> None:
    without = """
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "opentelemetry" else find(name, *more)
from config.serve import main
main()
"""
    environment = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
    refused = subprocess.run([sys.executable, "-c", without], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "OpenTelemetry's libraries are missing: pip install --require-hashes -r requirements/full.lock" in refused.stderr
