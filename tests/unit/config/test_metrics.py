"""`GET /metrics` in one process: names, labels and access."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from gdmarket import __version__, clock
from tests.docs.pages import ROOT
from tests.factories.payments import PaymentFactory

pytestmark = pytest.mark.django_db(transaction=True)  # the sources are read by other threads


def scrape(client: Client, **headers: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.content
    families = text_string_to_metric_families(answer.content.decode())
    return {(sample.name, frozenset(sample.labels.items())): sample.value for family in families for sample in family.samples}


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_requests_are_counted_by_route_and_never_by_input(client: Client) -> None:
    before = scrape(client)
    client.get("/api/v1/items/0197f7a2-0000-7000-8000-000000000000")
    client.get("/api/v1/items/0197f7a2-0000-7000-8000-000000000001")
    client.get("/nowhere/canary")
    client.generic("CANARY", "/nowhere/else")
    after = scrape(client)

    grown = {of: value - before.get(of, 0) for of, value in after.items() if of[0] == "http_requests_total" and value != before.get(of)}
    assert grown == {
        key("http_requests_total", route="/api/v1/items/<id:item_id>", method="GET", status="4xx"): 2,
        key("http_requests_total", route="unmatched", method="GET", status="4xx"): 1,
        key("http_requests_total", route="unmatched", method="other", status="4xx"): 1,
    }
    assert after[key("http_request_seconds_count", route="/api/v1/items/<id:item_id>", method="GET")] >= 2
    assert after[key("http_requests_in_flight")] == 0
    assert "canary" not in str(after).lower()


def test_unsettled_money_is_summed_by_kind_and_currency(client: Client) -> None:
    now = clock.now()
    PaymentFactory(state="unknown", amount=500, created_at=now - timedelta(minutes=5))
    PaymentFactory(state="unknown", amount=700, created_at=now)
    PaymentFactory(state="approved", amount=9000, settled_at=now)

    found = scrape(client)

    assert found[key("money_at_risk_count", kind="unknown", currency="KRW")] == 2
    assert found[key("money_at_risk_minor_units", kind="unknown", currency="KRW")] == 1200
    assert 300 <= found[key("money_at_risk_oldest_seconds", kind="unknown")] < 400
    assert found[key("money_at_risk_oldest_seconds", kind="refund")] == 0
    assert found[key("rentals_open", state="paying")] == 0


def test_every_source_answers(client: Client) -> None:
    found = scrape(client)
    sources = {dict(labels)["source"]: value for (name, labels), value in found.items() if name == "metrics_source_up"}
    assert sources.keys() >= {"bus", "breaker", "rentals", "money", "database default"}
    assert set(sources.values()) == {1}
    assert found[key("breaker_state", dependency="payments", state="closed")] == 1


def test_a_scrape_may_name_a_host_that_other_requests_may_not(client: Client) -> None:
    assert scrape(client, host="10.1.2.3:8000")
    assert client.get("/api/v1/items", headers={"host": "10.1.2.3:8000"}).status_code == 400


def test_a_token_that_is_set_is_needed(client: Client, settings: Any) -> None:
    settings.GDMARKET_METRICS_TOKEN = "for the scrape"

    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"authorization": "Bearer another"}).status_code == 401
    assert client.get("/metrics", headers={"authorization": "for the scrape"}).status_code == 401
    assert scrape(client, authorization="Bearer for the scrape")
    assert client.post("/metrics").status_code == 405


def test_no_answer_is_stored_or_read_as_another_type(client: Client, settings: Any) -> None:
    settings.GDMARKET_METRICS_TOKEN = "for the scrape"
    answers = [
        client.get("/metrics", headers={"authorization": "Bearer for the scrape"}),
        client.head("/metrics", headers={"authorization": "Bearer for the scrape"}),
        client.get("/metrics"),
        client.post("/metrics"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 401, 405]
    assert {(answer["X-Content-Type-Options"], answer["Cache-Control"]) for answer in answers} == {("nosniff", "no-store")}


def test_the_version_is_that_of_the_release(client: Client) -> None:
    assert f'\nversion = "{__version__}"\n' in (ROOT / "pyproject.toml").read_text()
    assert any(name == "gdmarket_build_info" and ("version", __version__) in labels for name, labels in scrape(client))
