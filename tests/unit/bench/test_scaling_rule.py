"""The autoscaler's rule, by the examples and words of Kubernetes' own documentation."""

import pytest

from bench.autoscale import Rule


@pytest.mark.parametrize(
    ("current", "used", "wanted"),
    [
        (1, 1.0, 2),  # "if the current metric value is 200m, and the desired value is 100m, the number of replicas will be doubled"
        (4, 0.45, 4),  # within the tolerance of 0.1
        (4, 0.54, 4),
        (4, 0.56, 5),
        (3, 0.8, 5),  # rounded up
        (50, 0.6, 60),
        (1, 10.0, 5),  # at most as many are added as there are, or four
        (10, 10.0, 20),
    ],
)
def test_replicas_follow_the_ratio_of_usage_to_target(current: int, used: float, wanted: int) -> None:
    assert Rule(aim=0.5, most=100).replicas(now_s=0, current=current, utilisations=[used] * current) == wanted


def test_the_bounds_hold() -> None:
    assert Rule(aim=0.5, most=3).replicas(now_s=0, current=2, utilisations=[5.0, 5.0]) == 3
    assert Rule(aim=0.5).replicas(now_s=0, current=2, utilisations=[0.0, 0.0]) == 1


def test_replicas_that_are_not_ready_count_as_idle_and_only_reduce_what_is_added() -> None:
    assert Rule(aim=0.5).replicas(now_s=0, current=4, utilisations=[1.0, 1.0]) == 4
    assert Rule(aim=0.5).replicas(now_s=0, current=4, utilisations=[2.0, 2.0]) == 8
    assert Rule(aim=0.5).replicas(now_s=0, current=4, utilisations=[]) == 4


def test_replicas_are_removed_after_the_stabilization_window() -> None:
    rule = Rule(aim=0.5, stabilization_s=30)
    assert rule.replicas(now_s=0, current=4, utilisations=[0.5] * 4) == 4
    assert [rule.replicas(now_s=at_s, current=4, utilisations=[0.1] * 4) for at_s in (10, 20, 30, 31)] == [4, 4, 4, 1]
