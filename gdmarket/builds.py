"""`gdmarket_build_info`: the version that runs, in prometheus_client's default registry once this module is imported."""

import platform

from prometheus_client import Info

from gdmarket import __version__

BUILD = Info("gdmarket_build", "What runs.")
BUILD.info({"version": __version__, "python": platform.python_version()})
