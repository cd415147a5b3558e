"""The bus's Prometheus metrics."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.db.utils import OperationalError
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from gdmarket import bus
from gdmarket.bus import relay, subscriptions
from gdmarket.bus.heartbeats import HeartbeatWriter
from gdmarket.bus.metrics import BacklogCollector
from gdmarket.bus.models import Delivery
from tests.unit.gdmarket.bus.conftest import Connect
from tests.unit.gdmarket.bus.sample import BLUE, RED, Added, add, handler_of


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=True)
    registry.register(BacklogCollector())
    return registry


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("bus_handled_total", {"subscriber": RED, "outcome": outcome}) or 0.0


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(None, "done"), (ValueError("no"), "retried"), (bus.Retry(after_s=9), "postponed"), (bus.Reject("never"), "dead")],
)
def test_deliveries_are_counted_by_outcome_and_timed(connect: Connect, answer: Exception | None, outcome: str) -> None:
    def react(_: object) -> None:
        if answer is not None:
            raise answer

    connect({Added: [handler_of(RED, react)]})
    add(1, 2)
    before = {name: counted(name) for name in ("done", "retried", "postponed", "dead", "released")}
    timed = REGISTRY.get_sample_value("bus_handle_seconds_count", {"subscriber": RED}) or 0.0

    relay.run_once(keep_going=lambda: True)  # once: a backoff may be as short as no time at all

    # What stands behind one that is not done is released.
    expected = {"done": 2} if outcome == "done" else {outcome: 1, "released": 1}
    assert {name: counted(name) - was for name, was in before.items() if counted(name) != was} == expected
    calls = REGISTRY.get_sample_value("bus_handle_seconds_count", {"subscriber": RED}) or 0.0
    assert calls - timed == (2 if outcome == "done" else 1)


def test_the_backlog_is_measured_at_each_scrape(rejecting: list[int], registry: CollectorRegistry) -> None:
    subscriptions.pause(context=RED)
    Delivery.objects.update(created_at=Now() - timedelta(seconds=90))
    HeartbeatWriter(relay=uuid4(), subscriber=RED).beat()

    def value(name: str) -> float | None:
        return registry.get_sample_value(name, {"subscriber": RED})

    assert [value(f"bus_{name}") for name in ("pending", "dead", "timers", "paused")] == [1, 1, 0, 1]
    assert 90 <= (value("bus_oldest_age_seconds") or 0) < 120
    assert 0 <= (value("bus_relay_seen_seconds") or 0) < 30


def test_a_context_without_a_relay_has_no_sample_of_one(connect: Connect, registry: CollectorRegistry) -> None:
    connect({Added: [handler_of(BLUE)]})
    add(1)

    scraped = generate_latest(registry).decode()

    assert 'bus_pending{subscriber="blue"} 1.0' in scraped
    assert "bus_relay_seen_seconds{" not in scraped


def test_a_database_that_is_away_gives_no_samples(connect: Connect, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OperationalError("connection refused")

    connection.close()
    with monkeypatch.context() as patched:
        patched.setattr(connection, "ensure_connection", refuse)
        scraped = generate_latest(registry).decode()

    assert "# TYPE bus_pending gauge" in scraped
    assert "bus_pending{" not in scraped
