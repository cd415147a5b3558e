"""Ids sort by the time at which they were made."""

from datetime import timedelta

from gdmarket import clock, ids


def test_what_is_made_from_an_instant_on_does_not_sort_before_its_first_id() -> None:
    at = clock.now()
    made = ids.uuid7()
    assert ids.first_at(at) <= made < ids.first_at(at + timedelta(minutes=1))
    assert ids.first_at(at).version == 7
    assert abs(ids.made_at(ids.first_at(at)) - at) < timedelta(milliseconds=1)


def test_an_id_is_read_from_a_text_that_writes_one_and_from_no_other() -> None:
    made = ids.uuid7()
    assert [ids.read_id(text) for text in (str(made), made.hex, "", "x", f"{{{made}}}", f"{made}0")] == [made, made, None, None, None, None]
