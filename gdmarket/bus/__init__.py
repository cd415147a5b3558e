"""The event bus: an event is written with the change that it reports, and delivered to every subscriber, in order, exactly once.

    with databases.transaction_for("items"):
        item.save()
        bus.publish(ItemWithdrawn(...), stream=f"item:{item.id}")

This package can be imported before Django's apps are loaded: modules that need the models are imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from gdmarket.bus.errors import OutsideTransactionError, Reject, Retry, UndecodableError, UnknownEventError

if TYPE_CHECKING:
    from gdmarket.bus.backlog import backlog_of, is_scheduled
    from gdmarket.bus.log import Recorded, current, history
    from gdmarket.bus.pending_lanes import defer_dispatch, deliver_deferred
    from gdmarket.bus.publishing import publish
    from gdmarket.bus.registry import batch, external, idempotent
    from gdmarket.bus.relay import run_until_idle
    from gdmarket.bus.superseding import supersede

__all__ = [
    "OutsideTransactionError",
    "Recorded",
    "Reject",
    "Retry",
    "UndecodableError",
    "UnknownEventError",
    "backlog_of",
    "batch",
    "current",
    "defer_dispatch",
    "deliver_deferred",
    "external",
    "history",
    "idempotent",
    "is_scheduled",
    "publish",
    "run_until_idle",
    "supersede",
]

_MODULES = {
    "Recorded": "log",
    "backlog_of": "backlog",
    "batch": "registry",
    "current": "log",
    "defer_dispatch": "pending_lanes",
    "deliver_deferred": "pending_lanes",
    "external": "registry",
    "history": "log",
    "idempotent": "registry",
    "is_scheduled": "backlog",
    "publish": "publishing",
    "run_until_idle": "relay",
    "supersede": "superseding",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a public name from its module on first use."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
