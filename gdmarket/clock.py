"""The current time. Views, commands, handlers and the bus read it; everything below takes it as an argument."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current instant in UTC."""
    return datetime.now(UTC)
