"""What time it is. Views, commands, handlers and the bus ask; everything below them is told."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return this instant, in UTC."""
    return datetime.now(UTC)
