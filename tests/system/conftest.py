"""One cluster of real processes behind HAProxy for all tests of a worker; each test restores it."""

from collections.abc import Iterator

import pytest

from deploy.local.cluster import Cluster
from deploy.local.rollout import measured_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Return the cluster, with two servers and a relay."""
    with measured_cluster() as cluster:
        yield cluster


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the file that takes longest, so that no worker begins it last."""
    items.sort(key=lambda item: item.path.name != "test_healing.py")
