"""One cluster of real processes behind HAProxy for all of these tests; each test restores it."""

from collections.abc import Iterator

import pytest

from deploy.local.cluster import Cluster
from deploy.local.rollout import measured_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Return the cluster, with two servers and a relay."""
    with measured_cluster() as cluster:
        yield cluster
