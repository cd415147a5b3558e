"""What the bus counts reads as Prometheus wants it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.db.utils import OperationalError
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from gdmarket import bus
from gdmarket.bus import metrics, subscriptions
from gdmarket.bus.heartbeats import HeartbeatWriter
from gdmarket.bus.metrics import BacklogCollector
from gdmarket.bus.models import Delivery
from tests.unit.gdmarket.bus.conftest import Connect
from tests.unit.gdmarket.bus.kitchen import BLUE, RED, Poured, pour, reader


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=True)
    registry.register(BacklogCollector())
    return registry


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("bus_handled_total", {"subscriber": RED, "outcome": outcome}) or 0.0


def test_deliveries_are_counted_by_what_became_of_them() -> None:
    done, released = counted("done"), counted("released")

    metrics.count_handled(subscriber=RED, outcome="done")
    metrics.count_handled(subscriber=RED, outcome="released", count=7)

    assert (counted("done") - done, counted("released") - released) == (1, 7)
    assert b'bus_handled_total{outcome="done",subscriber="red"}' in generate_latest(REGISTRY)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(None, "done"), (ValueError("no"), "retried"), (bus.Retry(after_s=9), "postponed"), (bus.Reject("never"), "dead")],
)
def test_what_becomes_of_a_delivery_is_counted_and_timed(hear: Connect, answer: Exception | None, outcome: str) -> None:
    def react(_: object) -> None:
        if answer is not None:
            raise answer

    hear({Poured: [reader(RED, react)]})
    pour(1, 2)
    before = {name: counted(name) for name in ("done", "retried", "postponed", "dead", "released")}
    timed = REGISTRY.get_sample_value("bus_handle_seconds_count", {"subscriber": RED}) or 0.0

    bus.run_until_idle()

    # What stands behind one that is not done is given back.
    expected = {"done": 2} if outcome == "done" else {outcome: 1, "released": 1}
    assert {name: counted(name) - was for name, was in before.items() if counted(name) != was} == expected
    calls = REGISTRY.get_sample_value("bus_handle_seconds_count", {"subscriber": RED}) or 0.0
    assert calls - timed == (2 if outcome == "done" else 1)


def test_a_handler_s_time_is_taken_whether_it_succeeds_or_fails() -> None:
    def calls() -> float:
        return REGISTRY.get_sample_value("bus_handle_seconds_count", {"subscriber": RED}) or 0.0

    before = calls()
    with metrics.handle_time(subscriber=RED):
        pass
    with pytest.raises(ZeroDivisionError), metrics.handle_time(subscriber=RED):
        raise ZeroDivisionError

    assert calls() - before == 2


def test_the_backlog_is_measured_when_it_is_asked_for(rejecting: list[int], registry: CollectorRegistry) -> None:
    subscriptions.pause(context=RED)
    Delivery.objects.update(created_at=Now() - timedelta(seconds=90))
    HeartbeatWriter(relay=uuid4(), subscriber=RED).beat()

    def value(name: str) -> float | None:
        return registry.get_sample_value(name, {"subscriber": RED})

    assert [value(f"bus_{name}") for name in ("pending", "dead", "timers", "paused")] == [1, 1, 0, 1]
    assert 90 <= (value("bus_oldest_age_seconds") or 0) < 120
    assert 0 <= (value("bus_relay_seen_seconds") or 0) < 30


def test_a_context_no_relay_works_for_has_no_sign_of_one(hear: Connect, registry: CollectorRegistry) -> None:
    hear({Poured: [reader(BLUE)]})
    pour(1)

    told = generate_latest(registry).decode()

    assert 'bus_pending{subscriber="blue"} 1.0' in told
    assert "bus_relay_seen_seconds{" not in told


def test_a_database_out_of_reach_spoils_no_other_metric(
    hear: Connect, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody_there() -> None:
        raise OperationalError("connection refused")

    connection.close()
    with monkeypatch.context() as patched:
        patched.setattr(connection, "ensure_connection", nobody_there)
        told = generate_latest(registry).decode()

    assert "# TYPE bus_pending gauge" in told
    assert "bus_pending{" not in told
