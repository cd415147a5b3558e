"""The current time. Views, commands, handlers and the bus read it; everything below takes it as an argument."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from django.conf import settings


def now() -> datetime:
    """Return the current instant in UTC."""
    return datetime.now(UTC)


def day_of(at: datetime) -> date:
    """Return the day of an instant where the market is, whatever time zone is active."""
    return at.astimezone(ZoneInfo(settings.GDMARKET_TIME_ZONE)).date()
