"""The breaker's Prometheus metrics."""

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from gdmarket.breaker.metrics import StateCollector
from tests.unit.gdmarket.breaker.harness import Clock, breaker_at, fail, refusal_of, succeed, succeed_after

pytestmark = pytest.mark.django_db(transaction=True)


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"breaker_{name}_total", {"dependency": "counted", **labels}) or 0.0


def test_calls_refusals_and_transitions_are_counted(clock: Clock) -> None:
    breaker = breaker_at(clock, name="counted")
    succeed(breaker, 3)
    succeed_after(breaker, clock, seconds=2, times=2)
    fail(breaker, 5)
    refusal_of(breaker)
    refusal_of(breaker)
    clock.pass_s(15)
    succeed(breaker, 2)

    assert [counted("calls", outcome=outcome) for outcome in ("succeeded", "slow", "failed")] == [5, 2, 5]
    assert counted("refused") == 2
    assert [counted("transitions", state=state) for state in ("open", "half_open", "closed")] == [1, 1, 1]


def test_the_state_is_read_from_the_shared_row(clock: Clock) -> None:
    fail(breaker_at(clock), 10)
    registry = CollectorRegistry()
    registry.register(StateCollector())
    scraped = generate_latest(registry).decode()
    assert 'breaker_state{dependency="provider",state="open"} 1.0' in scraped
    assert 'breaker_state{dependency="provider",state="closed"} 0.0' in scraped
    assert 'breaker_state{dependency="payments",state="closed"} 1.0' in scraped
