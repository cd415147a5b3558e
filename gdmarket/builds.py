"""Which version runs, for Prometheus."""

import platform
from collections.abc import Iterator

from prometheus_client.core import InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from gdmarket import __version__


class BuildCollector(Collector):
    """Tells the version of the market and of Python."""

    def collect(self) -> Iterator[Metric]:
        """Tell."""
        yield InfoMetricFamily("gdmarket_build", "What runs.", {"version": __version__, "python": platform.python_version()})
