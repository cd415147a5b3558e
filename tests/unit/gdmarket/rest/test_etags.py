"""Versions of a resource over HTTP."""

import pytest
from rest_framework.test import APIClient

pytestmark = pytest.mark.urls("tests.unit.gdmarket.rest.sample_api")


def test_a_resource_carries_its_version(api: APIClient) -> None:
    answer = api.get("/api/v1/versions/3")
    assert (answer.status_code, answer["ETag"], answer["Cache-Control"]) == (200, '"3"', "private, no-cache")
    assert api.get("/api/v1/versions/3?variant=reserved")["ETag"] == '"3.reserved"'


@pytest.mark.parametrize("held", ['"3"', 'W/"3"', '"2", "3"', "*"])
def test_a_caller_who_has_this_version_gets_304(api: APIClient, held: str) -> None:
    answer = api.get("/api/v1/versions/3", HTTP_IF_NONE_MATCH=held)
    assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", '"3"')


@pytest.mark.parametrize("held", ['"2"', '"3.reserved"', "3", ""])
def test_a_caller_who_has_another_version_gets_this_one(api: APIClient, held: str) -> None:
    assert api.get("/api/v1/versions/3", HTTP_IF_NONE_MATCH=held).json() == {"version": 3}


@pytest.mark.parametrize("wanted", ['"3"', '"3.reserved"', "*"])
def test_a_caller_who_read_this_version_may_change_it(api: APIClient, wanted: str) -> None:
    assert api.patch("/api/v1/versions/3", {}, format="json", HTTP_IF_MATCH=wanted)["ETag"] == '"4"'


@pytest.mark.parametrize("wanted", ['"2"', '"x"', '"' + "9" * 400 + '"'])
def test_a_caller_who_read_another_version_may_not(api: APIClient, wanted: str) -> None:
    answer = api.patch("/api/v1/versions/3", {}, format="json", HTTP_IF_MATCH=wanted)
    assert (answer.status_code, answer.json()["code"]) == (412, "version_mismatch")


def test_a_weak_tag_is_not_said_to_have_changed(api: APIClient) -> None:
    answer = api.patch("/api/v1/versions/3", {}, format="json", HTTP_IF_MATCH='W/"3"')
    assert (answer.status_code, answer.json()["code"]) == (412, "weak_etag")
    assert "weak" in answer.json()["detail"]


@pytest.mark.parametrize("wanted", ["3", '"3', "W/3", '"3", "4"', "", ","])
def test_an_if_match_that_holds_no_tag_is_refused_as_invalid(api: APIClient, wanted: str) -> None:
    answer = api.patch("/api/v1/versions/3", {}, format="json", HTTP_IF_MATCH=wanted)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_if_match")


def test_a_response_without_a_version_is_not_cached(api: APIClient) -> None:
    assert api.get("/api/v1/notes")["Cache-Control"] == "no-store"
