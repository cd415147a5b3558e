"""`gdmarket_build_info`: importing this module adds it to prometheus_client's default registry."""

import platform

from prometheus_client import Info

from gdmarket import __version__

BUILD = Info("gdmarket_build", "The version of the program and of Python.")
BUILD.info({"version": __version__, "python": platform.python_version()})
