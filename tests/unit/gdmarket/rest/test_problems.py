"""Problem documents."""

import json
import sqlite3
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import OperationalError
from django.http import Http404
from django.test import Client
from rest_framework import exceptions as drf
from rest_framework.test import APIClient

from gdmarket.rest import problems

pytestmark = pytest.mark.urls("tests.unit.gdmarket.rest.sample_api")


def refused(api: APIClient, name: str, **headers: Any) -> Any:
    api.raise_request_exception = False
    return api.get(f"/api/v1/refusals/{name}", **headers)


@pytest.mark.parametrize(
    ("name", "status", "title"),
    [
        ("invalid", 400, "Bad request"),
        ("not_found", 404, "Not found"),
        ("forbidden", 403, "Not allowed"),
        ("not_authenticated", 401, "Not signed in"),
        ("declined", 402, "Payment declined"),
        ("thing_taken", 409, "Conflict"),
        ("version_mismatch", 412, "Changed meanwhile"),
        ("shop_closed", 503, "Not available just now"),
        ("throttled", 429, "Too many requests"),
    ],
)
def test_each_kind_of_error_has_its_status(api: APIClient, name: str, status: int, title: str) -> None:
    answer = refused(api, name)
    problem = answer.json()
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert problem.items() >= {"title": title, "status": status, "code": name}.items()
    assert problem["type"] == f"urn:gdmarket:problem:{name}"
    assert problem["correlation_id"] == answer["X-Correlation-ID"]


def test_details_are_members_and_never_replace_the_fixed_ones(api: APIClient) -> None:
    problem = refused(api, "thing_taken").json()
    assert (problem["thing"], problem["until"], problem["detail"]) == ("The drill", "noon", "The drill is taken until noon.")
    assert (problem["status"], problem["code"]) == (409, "thing_taken")
    assert refused(api, "declined").json()["rental"] == {"id": "00000000-0000-0000-0000-000000000007"}


def test_an_invalid_value_is_reported_with_its_field(api: APIClient) -> None:
    assert refused(api, "too_long").json()["errors"] == [{"field": "note", "code": "too_long", "detail": "The note is too long."}]


@pytest.mark.parametrize(("name", "seconds"), [("shop_closed", "3"), ("throttled", "1"), ("database_unavailable", "1")])
def test_retry_after_is_in_whole_seconds(api: APIClient, name: str, seconds: str) -> None:
    assert refused(api, name)["Retry-After"] == seconds


def test_an_anonymous_caller_gets_www_authenticate(api: APIClient) -> None:
    assert refused(api, "not_authenticated")["WWW-Authenticate"] == "Bearer"
    answer = api.get("/api/v1/managers")
    assert (answer.status_code, answer["WWW-Authenticate"], answer.json()["code"]) == (401, "Bearer", "not_authenticated")


def test_an_unreachable_database_is_503_without_internals(api: APIClient) -> None:
    answer = refused(api, "database_unavailable")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert b"refused" not in answer.content


def test_a_mistake_in_our_sql_is_500() -> None:
    mistake = OperationalError("no such column: colour")
    mistake.__cause__ = sqlite3.OperationalError("no such column: colour")
    mistake.__cause__.sqlite_errorcode = sqlite3.SQLITE_ERROR
    assert problems.problem_handler(mistake, {}).status_code == 500


def test_an_unexpected_error_is_500_without_internals(api: APIClient) -> None:
    answer = refused(api, "internal_error")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert b"secret" not in answer.content
    assert b"Traceback" not in answer.content


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Http404(), 404, "not_found"),
        (PermissionDenied(), 403, "forbidden"),
        (RequestDataTooBig(), 413, "body_too_large"),
        (drf.AuthenticationFailed(), 401, "token_not_valid"),
        (drf.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (drf.NotAcceptable(), 406, "not_acceptable"),
        (drf.UnsupportedMediaType("text/plain"), 415, "unsupported_media_type"),
        (drf.ParseError(), 400, "malformed_json"),
    ],
)
def test_the_frameworks_errors_get_our_codes(error: Exception, status: int, code: str) -> None:
    answer = problems.problem_handler(error, {})
    assert (answer.status_code, json.loads(answer.content)["code"]) == (status, code)


def test_nested_errors_are_listed_with_dotted_fields() -> None:
    error = drf.ValidationError(
        {
            "place": {"latitude": [drf.ErrorDetail("Too far.", "max_value")]},
            "notes": [{}, {"text": [drf.ErrorDetail("Missing.", "required")]}],
            "non_field_errors": [drf.ErrorDetail("Ends before it begins.", "invalid")],
        }
    )
    assert json.loads(problems.problem_handler(error, {}).content)["errors"] == [
        {"field": "place.latitude", "code": "max_value", "detail": "Too far."},
        {"field": "notes.1.text", "code": "required", "detail": "Missing."},
        {"field": "", "code": "invalid", "detail": "Ends before it begins."},
    ]


def test_a_problem_is_in_the_language_asked_for_with_the_same_code(api: APIClient) -> None:
    answer = refused(api, "shop_closed", HTTP_ACCEPT_LANGUAGE="ko")
    assert answer.json()["title"] == "지금은 이용할 수 없음"
    assert answer.json()["code"] == "shop_closed"
    assert answer["Content-Language"] == "ko"


def test_a_browser_outside_the_api_gets_a_page() -> None:
    client = Client()
    assert client.get("/nowhere", headers={"accept": "text/html"})["Content-Type"].startswith("text/html")
    assert client.get("/api/v1/nowhere", headers={"accept": "text/html"})["Content-Type"] == "application/problem+json"


def test_an_unsupported_method_is_405_with_those_supported(api: APIClient) -> None:
    for answer in (api.put("/api/v1/notes"), api.options("/api/v1/notes")):
        assert (answer.status_code, answer.json()["code"], answer["Allow"]) == (405, "method_not_allowed", "GET, POST, HEAD")
    assert api.delete("/api/v1/managers").status_code == 405


def test_a_caller_who_accepts_no_json_gets_406(api: APIClient) -> None:
    assert api.get("/api/v1/notes", HTTP_ACCEPT="text/html").status_code == 406
    assert api.get("/api/v1/notes", HTTP_ACCEPT="application/problem+json").status_code == 200


def test_nul_in_the_query_is_400(api: APIClient) -> None:
    answer = api.get("/api/v1/notes?q=%00")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_query")
