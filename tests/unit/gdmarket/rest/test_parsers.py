"""Which JSON bodies are accepted."""

from typing import Any

import pytest
from rest_framework.exceptions import ParseError
from rest_framework.test import APIClient

from gdmarket.rest.parsers import parse_json
from tests.unit.gdmarket.rest.sample_api import Calls

pytestmark = pytest.mark.urls("tests.unit.gdmarket.rest.sample_api")


def post(api: APIClient, body: bytes, content_type: str = "application/json", **headers: Any) -> Any:
    raw: Any = body
    return api.generic("POST", "/api/v1/notes", raw, content_type, **headers)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"3",
        b"null",
        b'"note"',
        b'{"note": NaN}',
        b'{"note": -Infinity}',
        b'{"note": 1e999}',
        b'{"note": "a", "note": "b"}',
        b'{"inner": {"a": 1, "a": 2}}',
        b'{"note": "\\u0000"}',
        b'{"\\u0000": "note"}',
        b'{"note": "\\ud800"}',
        b'{"note": "\xff"}',
        b'\xef\xbb\xbf{"note": "a"}',
        b'{"note": ' + b"[" * 33 + b"]" * 33 + b"}",
        b'{"note": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"note": ' + b"9" * 5000 + b"}",
    ],
)
def test_ambiguous_or_broken_json_is_refused_and_nothing_is_done(api: APIClient, calls: Calls, body: bytes) -> None:
    answer = post(api, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
    assert calls.notes == []


def test_32_levels_are_accepted_and_33_are_not() -> None:
    def nested(levels: int) -> bytes:
        return b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)

    assert parse_json(nested(32))["a"]
    with pytest.raises(ParseError):
        parse_json(nested(33))


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
def test_a_content_type_other_than_json_is_415(api: APIClient, calls: Calls, content_type: str) -> None:
    answer = post(api, b'{"note": "a"}', content_type)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert calls.notes == []


def test_json_in_another_charset_is_415(api: APIClient) -> None:
    assert post(api, b'{"note": "a"}', "application/json; charset=euc-kr").status_code == 415
    assert post(api, b'{"note": "a"}', "application/json; charset=UTF-8").status_code == 201


def test_a_body_over_256_kib_is_413(api: APIClient, calls: Calls) -> None:
    answer = post(api, b'{"note": "' + b"a" * 256 * 1024 + b'"}')
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert calls.notes == []


def test_a_body_of_unknown_length_is_411(api: APIClient) -> None:
    answer = post(api, b"", CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked")
    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")


@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain"])
def test_an_empty_body_is_an_empty_object(api: APIClient, content_type: str) -> None:
    answer = post(api, b"", content_type)
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": "note", "code": "required", "detail": "This field is required."}]
