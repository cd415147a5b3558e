"""No request is lost while versions with a migration are rolled out under load; without readiness, drain and retries some are."""

import pytest

from deploy.local.cluster import Cluster
from deploy.local.rollout import measure, measure_control, measure_undrained

SEED = 11


@pytest.mark.nightly
def test_no_request_is_lost_while_versions_are_rolled_out(cluster: Cluster) -> None:
    outcome = measure(cluster, restarts=2, requests=1500, rate=80, seed=SEED)
    assert outcome.result.requests >= 1500
    assert (outcome.result.failed, outcome.result.examples) == (0, [])
    assert outcome.consistency.acknowledged > 100
    assert outcome.consistency.is_consistent, outcome.consistency


@pytest.mark.nightly
def test_no_request_is_lost_where_servers_are_stopped_by_sigterm_alone(cluster: Cluster) -> None:
    outcome = measure_undrained(cluster, restarts=2, rate=80, seed=SEED)
    assert outcome.result.posts > 100
    assert (outcome.result.unknown_posts, outcome.result.failed, outcome.result.examples) == (0, 0, [])
    assert outcome.consistency.is_consistent, outcome.consistency


@pytest.mark.nightly
def test_with_gunicorn_s_own_worker_posts_are_lost_to_sigterm(cluster: Cluster) -> None:
    own_worker = {"GUNICORN_CMD_ARGS": "--worker-class=gthread"}
    outcome = measure_undrained(cluster, restarts=3, rate=80, seed=SEED, settings=own_worker)
    assert outcome.result.unknown_posts > 0
    assert outcome.consistency.is_consistent, outcome.consistency


@pytest.mark.nightly
def test_without_readiness_drain_and_retries_some_are_lost(cluster: Cluster) -> None:
    outcome = measure_control(cluster, restarts=1, requests=300, rate=80, seed=SEED + 1)
    assert outcome.result.failed > 0
    assert outcome.consistency.is_consistent, outcome.consistency
