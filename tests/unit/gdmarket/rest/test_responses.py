"""Plain values as JSON: the same bytes that DRF's renderer makes."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import ErrorDetail
from rest_framework.renderers import JSONRenderer

from gdmarket.rest import responses


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    "value",
    [
        {"text": '한글 "드릴" \\ / \n \x01 \x7f \u2028 \u2029 👍'},
        {"id": UUID("018f3c1e-0000-7000-8000-000000000001")},
        {"at": datetime(2026, 5, 1, 9, tzinfo=UTC)},
        {"at": datetime(2026, 5, 1, 9, 0, 0, 120, tzinfo=UTC)},
        {"degrees": [37.5446, -127.0, 0.1 + 0.2]},
        {"numbers": [0, -1, 2**53], "truths": [True, False, None], "nothing": [{}, []]},
        {"state": Colour.RED, Colour.RED: 1},
        {"safe": SafeString("<b>"), "late": gettext_lazy("Not found"), "error": ErrorDetail("wrong", code="invalid")},
    ],
)
def test_the_bytes_are_those_of_drfs_renderer(value: dict[str, Any]) -> None:
    assert responses.encode(value) == JSONRenderer().render(value)


def test_what_is_no_value_of_json_is_refused() -> None:
    with pytest.raises(TypeError, match="object is no value of JSON"):
        responses.encode({"what": object()})


def test_an_answer_has_its_status_and_headers() -> None:
    answer = responses.json_response({"id": 1}, status=201, headers={"ETag": '"1"'})

    assert (answer.status_code, answer.content) == (201, b'{"id":1}')
    assert dict(answer.items()) == {"Content-Type": "application/json", "ETag": '"1"'}
