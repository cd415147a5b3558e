"""What the breaker counts reads as Prometheus wants it."""

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from gdmarket.breaker.metrics import StateCollector
from tests.unit.gdmarket.breaker.bench import Clock, breaker_at, fail, refuse, succeed, take
from tests.unit.gdmarket.breaker.outages import without_its_table

pytestmark = pytest.mark.django_db(transaction=True)


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"breaker_{name}_total", {"dependency": "counted", **labels}) or 0.0


def test_calls_refusals_and_changes_are_counted() -> None:
    clock = Clock()
    breaker = breaker_at(clock, name="counted")
    succeed(breaker, 3)
    take(breaker, clock, seconds=2, times=2)
    fail(breaker, 5)
    refuse(breaker)
    refuse(breaker)
    clock.pass_s(15)
    succeed(breaker, 2)

    assert [counted("calls", outcome=outcome) for outcome in ("succeeded", "slow", "failed")] == [5, 2, 5]
    assert counted("refused") == 2
    assert [counted("transitions", state=state) for state in ("open", "half_open", "closed")] == [1, 1, 1]


def test_how_dependencies_stand_is_read_from_the_row_that_all_share() -> None:
    fail(breaker_at(Clock()), 10)
    registry = CollectorRegistry(auto_describe=True)
    registry.register(StateCollector())
    told = generate_latest(registry).decode()
    assert 'breaker_state{dependency="provider",state="open"} 1.0' in told
    assert 'breaker_state{dependency="provider",state="closed"} 0.0' in told
    assert 'breaker_state{dependency="payments",state="closed"} 1.0' in told
    with without_its_table():
        assert "{" not in generate_latest(registry).decode()
