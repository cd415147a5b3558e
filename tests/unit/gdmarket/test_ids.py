"""Ids sort by the time at which they were made."""

from datetime import timedelta

from gdmarket import clock, ids


def test_what_is_made_from_an_instant_on_does_not_sort_before_its_first_id() -> None:
    at = clock.now()
    made = ids.uuid7()
    assert ids.first_at(at) <= made < ids.first_at(at + timedelta(minutes=1))
    assert ids.first_at(at).version == 7
    assert abs(ids.made_at(ids.first_at(at)) - at) < timedelta(milliseconds=1)
