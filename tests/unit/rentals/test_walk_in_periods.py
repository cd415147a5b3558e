"""The period with which the walk-in form opens."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from django.utils.timezone import override

from apps.rentals.admin.walk_in import propose

SEOUL, HOUR = ZoneInfo("Asia/Seoul"), timedelta(hours=1)
NOON = datetime(2026, 12, 3, 12, 0, tzinfo=SEOUL)


@pytest.fixture
def in_seoul() -> Iterator[None]:
    """Activate the time zone of the market, as a request of the admin does."""
    with override(SEOUL):
        yield


@pytest.mark.usefixtures("in_seoul")
@pytest.mark.parametrize(
    ("asked", "now", "starts_at", "ends_at"),
    [
        ("", NOON, None, "12-03 18:00"),
        ("from=2026-12-03", NOON, None, "12-03 18:00"),
        ("from=2026-12-03", NOON + 6 * HOUR, None, "12-04 18:00"),
        ("from=2026-12-05", NOON, "12-05 09:00", "12-05 18:00"),
        ("from=2026-12-05&to=2026-12-08", NOON, "12-05 09:00", "12-08 18:00"),
        ("from=2026-12-08&to=2026-12-05", NOON, "12-08 09:00", "12-08 18:00"),
        ("from=2026-12-05T17:30", NOON, "12-05 17:30", "12-06 17:30"),
        ("from=2026-12-05&to=2026-12-05T15:00", NOON, "12-05 09:00", "12-05 15:00"),
        ("from=2026-12-01&to=2026-12-02", NOON, None, "12-03 18:00"),
        ("from=x&to=9999-12-31", NOON, None, "12-03 18:00"),
        ("from=9999-12-31T23:59&to=0001-01-01T00:00", NOON, None, "12-03 18:00"),
        ("from=2026-12-03T09:00", NOON, None, "12-03 18:00"),
    ],
)
def test_a_form_opens_with_the_days_that_were_chosen(asked: str, now: datetime, starts_at: str | None, ends_at: str) -> None:
    period = propose(asked=QueryDict(asked), now=now)
    shown = {name: at and f"{at.astimezone(SEOUL):%m-%d %H:%M}" for name, at in period.items()}
    assert shown == {"starts_at": starts_at, "ends_at": ends_at}
