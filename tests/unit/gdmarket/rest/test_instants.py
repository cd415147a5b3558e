"""Which moments are read, and what is said of the others."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gdmarket.rest import instants
from gdmarket.rest.instants import UnreadableInstantError, parse_instant

NINE = datetime(2026, 5, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-01T09:00:00Z",
        "2026-05-01t09:00:00z",
        "2026-05-01T18:00:00+09:00",
        "2026-05-01T18:00:00.000000000+09:00",
        "2026-05-01T18:00:00+0900",  # strftime's %z, and what openapi-generator's Python sends
        "2026-05-01T18:00+09:00",  # OffsetDateTime.toString() in Java
        "2026-05-01T18:00:00+09",  # PostgreSQL
        "2026-05-01 18:00:00+09:00",  # str(datetime) in Python, date --rfc-3339
        "2026-05-01 09:00:00Z",  # ToString("u") in .NET
        "2026-05-01 18:00:00 +0900",  # Time#to_s in Ruby
        "2026-05-01T04:30:00-04:30",
    ],
)
@pytest.mark.parametrize("in_query", [False, True])
def test_what_clients_send_and_can_be_read_in_one_way_is_taken(text: str, in_query: bool) -> None:
    assert parse_instant(text, in_query=in_query) == NINE


@pytest.mark.parametrize("text", ["2026-05-01T18:00:00 09:00", "2026-05-01T18:00 0900", "2026-05-01 18:00:00  09"])
def test_a_plus_that_became_a_space_is_repaired_in_a_query_string_alone(text: str) -> None:
    assert parse_instant(text, in_query=True) == NINE
    with pytest.raises(UnreadableInstantError):
        parse_instant(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-05-01", instants.NO_TIME),
        ("2026-05-01T09:00:00", instants.NO_OFFSET),
        ("2026-05-01 09:00", instants.NO_OFFSET),
        ("2026-13-01T09:00:00Z", instants.NOT_IN_CALENDAR),
        ("2026-02-30T09:00:00Z", instants.NOT_IN_CALENDAR),
        ("2026-05-01T24:00:00Z", instants.NOT_IN_CALENDAR),
        ("2026-05-01T09:00:60Z", instants.NOT_IN_CALENDAR),
        ("2026-05-01T09:00:00+24:00", instants.NOT_IN_CALENDAR),
        ("2026-05-01T09:00:00+09:60", instants.NOT_IN_CALENDAR),
        ("0001-01-01T00:00:00+23:00", instants.NOT_IN_CALENDAR),
        ("tomorrow", instants.NOT_A_MOMENT),
        ("", instants.NOT_A_MOMENT),
        ("2026-W18-5T09:00:00Z", instants.NOT_A_MOMENT),
        ("２０２６-05-01T09:00:00Z", instants.NOT_A_MOMENT),
        ("2026-05-01T09:00:00+09:00[Asia/Seoul]", instants.NOT_A_MOMENT),
        ("1777626000", instants.NOT_A_MOMENT),
        (1777626000, instants.NOT_A_MOMENT),
        (None, instants.NOT_A_MOMENT),
    ],
)
@pytest.mark.parametrize("in_query", [False, True])
def test_a_refusal_says_what_is_wrong(text: object, reason: Any, in_query: bool) -> None:
    with pytest.raises(UnreadableInstantError) as refusal:
        parse_instant(text, in_query=in_query)
    assert refusal.value.reason == reason


def test_what_is_below_a_microsecond_is_cut_off() -> None:
    assert parse_instant("2026-05-01T09:00:00.1234569Z") == NINE.replace(microsecond=123456)
