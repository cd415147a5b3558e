"""The rule of the autoscaler, by the examples and words of Kubernetes' own documentation."""

import pytest

from bench.autoscale.rule import Aim, Rule


def rule(**aim: float) -> Rule:
    return Rule(aim=Aim(**{"percent": 50, "most": 100, **aim}))  # type: ignore[arg-type]  # whole numbers are floats, too


@pytest.mark.parametrize(
    ("current", "used", "wanted"),
    [
        (1, 1.0, 2),  # "if the current metric value is 200m, and the desired value is 100m, the number of replicas will be doubled"
        (4, 0.45, 4),  # within the tolerance of 0.1
        (4, 0.54, 4),
        (4, 0.56, 5),
        (3, 0.8, 5),  # rounded up
        (50, 0.6, 60),
    ],
)
def test_replicas_follow_the_ratio_of_what_is_used_to_what_is_aimed_at(current: int, used: float, wanted: int) -> None:
    assert rule().replicas(now_s=0, current=current, utilisations=[used] * current) == wanted


def test_no_more_are_added_at_once_than_there_are_or_four() -> None:
    assert rule().replicas(now_s=0, current=1, utilisations=[10.0]) == 5
    assert rule().replicas(now_s=0, current=10, utilisations=[10.0] * 10) == 20


def test_the_bounds_hold() -> None:
    assert rule(most=3).replicas(now_s=0, current=2, utilisations=[5.0, 5.0]) == 3
    assert rule(least=2).replicas(now_s=0, current=2, utilisations=[0.0, 0.0]) == 2


def test_those_that_are_not_ready_hold_back_and_nothing_more() -> None:
    assert rule().replicas(now_s=0, current=4, utilisations=[1.0, 1.0]) == 4
    assert rule().replicas(now_s=0, current=4, utilisations=[2.0, 2.0]) == 8
    assert rule().replicas(now_s=0, current=4, utilisations=[]) == 4


def test_replicas_are_taken_away_once_it_was_quiet_for_long_enough() -> None:
    calm = rule(stable_down_s=30)
    assert calm.replicas(now_s=0, current=4, utilisations=[0.5] * 4) == 4
    assert [calm.replicas(now_s=at_s, current=4, utilisations=[0.1] * 4) for at_s in (10, 20, 30, 31)] == [4, 4, 4, 1]
