"""Property tests of the codec: an event is read as it was written, and any other payload is refused."""

import json
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, get_args, get_type_hints
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gdmarket.bus import codec
from gdmarket.bus.errors import UndecodableError
from tests.golden import files

TEXTS = st.text() | st.text(alphabet=st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3))
VALUES: dict[type, st.SearchStrategy[Any]] = {
    UUID: st.uuids(),
    datetime: st.datetimes().map(lambda naive: naive.replace(tzinfo=UTC, fold=0)),
    str: TEXTS,
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    type(None): st.none(),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
each_event = pytest.mark.parametrize("event_class", files.EVENTS, ids=codec.type_of)


def _instances(event_class: Any) -> st.SearchStrategy[Any]:
    hints = get_type_hints(event_class)
    kinds = {field.name: get_args(hints[field.name]) or (hints[field.name],) for field in fields(event_class)}
    return st.builds(event_class, **{name: st.one_of([VALUES[kind] for kind in kinds[name]]) for name in kinds})


def _read_both_ways(payload: Any, event_class: type) -> list[Any]:
    """Return the event as it is read from values, as history is, and from JSON, as deliveries are; None for one that is refused."""
    schema, text = codec.schema_of(event_class), json.dumps(payload)
    read: list[Any] = [None, None]
    with suppress(UndecodableError):
        read[0] = codec.decode(payload, event_class, schema=schema)
    with suppress(UndecodableError):
        read[1] = codec.decode_json(text, event_class, schema=schema)
    return read


@each_event
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_an_event_is_read_as_it_was_written_beside_unknown_fields(event_class: type, data: st.DataObject) -> None:
    event, unknown = data.draw(_instances(event_class)), data.draw(st.dictionaries(TEXTS, JSON, max_size=3))

    stored = json.loads(json.dumps({**unknown, **json.loads(codec.encode_json(event))}))

    for read in _read_both_ways(stored, event_class):
        assert read == event
        assert repr(read) == repr(event)  # 1 equals 1.0 and True, but reads otherwise


@given(event_class=st.sampled_from(files.EVENTS), data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_payload_is_read_or_refused(event_class: type, data: st.DataObject) -> None:
    stored = json.loads(codec.encode_json(data.draw(_instances(event_class))))
    damaged = data.draw(JSON | st.dictionaries(st.sampled_from(sorted(stored)), JSON).map(lambda wrong: {**stored, **wrong}))

    values, text = _read_both_ways(damaged, event_class)

    assert repr(values) == repr(text)
    assert values is None or type(values) is event_class


@given(event_class=st.sampled_from(files.EVENTS), data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_payload_without_a_required_field_is_refused(event_class: type, data: st.DataObject) -> None:
    stored = json.loads(codec.encode_json(data.draw(_instances(event_class))))
    lost = data.draw(st.sampled_from(sorted(files.signature_of(event_class)["required"])))
    del stored[lost]

    with pytest.raises(UndecodableError, match=lost):
        codec.decode(stored, event_class, schema=codec.schema_of(event_class))
