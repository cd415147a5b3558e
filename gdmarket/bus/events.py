"""The bus's own events."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliverySkipped:
    """An operator skipped a dead delivery: `subscriber` will not handle the event `event_id`."""

    delivery_id: int
    event_id: UUID
    type: str
    subscriber: str
    error: str
    reason: str
    occurred_at: datetime
