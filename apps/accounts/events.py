"""The facts that accounts publishes: who may manage items, and who may not."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class _ManagerFact:
    """`version` grows by one with each of these about a person."""

    manager_id: UUID
    version: int
    occurred_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ManagerSuspended(_ManagerFact):
    """An item manager was deactivated, or lost the role. Rentals that are paid go on. Not sent for people who never managed items."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ManagerReinstated(_ManagerFact):
    """An item manager who had been suspended may manage items again. Not sent for new managers."""
