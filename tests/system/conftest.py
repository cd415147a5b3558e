"""A cluster of real processes behind a real HAProxy, one for all of these tests; each leaves it as it found it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.cluster import Cluster, open_cluster
from deploy.local.rollout import SETTINGS, show


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Return the cluster, with two servers and a relay."""
    with (
        # A socket's path may not be long, as those of pytest's own folders can be.
        tempfile.TemporaryDirectory(prefix="gdmarket-system-") as folder,
        open_cluster(folder=Path(folder), settings=SETTINGS, tell=show) as opened,
    ):
        yield opened
