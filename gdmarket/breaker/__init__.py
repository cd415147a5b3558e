"""Circuit breaker: stop asking a dependency that fails, say when to come back, and try it again with a few probes.

    answer = breaker.of("payments").call(lambda: provider.charge(…))

A call fails by raising an `Exception`; whatever it returns, a declined card too, is a success. Each process counts its own calls; whether
calls go through is one row in the database, the same for all processes. If that cannot be read or written, calls go through.

Importing this package is safe before Django's apps are loaded: what needs the table is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from gdmarket.breaker.errors import OpenError
from gdmarket.breaker.names import declare
from gdmarket.breaker.policy import Policy

if TYPE_CHECKING:
    from gdmarket.breaker.breaker import Breaker
    from gdmarket.breaker.registry import of, reset

__all__ = ["Breaker", "OpenError", "Policy", "declare", "of", "reset"]

_HOMES = {"Breaker": "breaker", "of": "registry", "reset": "registry"}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a public name from its module on first use."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
