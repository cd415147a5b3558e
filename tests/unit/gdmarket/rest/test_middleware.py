"""Correlation ids, actors and the access log."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.factories.accounts import UserFactory
from tests.unit.gdmarket.rest.sample_api import Calls

pytestmark = [pytest.mark.urls("tests.unit.gdmarket.rest.sample_api"), pytest.mark.django_db]


def test_each_request_is_logged_in_one_line_without_its_content(
    as_user: Callable[[Any], APIClient], caplog: pytest.LogCaptureFixture, calls: Calls
) -> None:
    person: Any = UserFactory()
    client = as_user(person)
    with caplog.at_level(logging.INFO, logger="gdmarket.access"):
        client.post("/api/v1/notes?token=canary", {"note": "canary"}, format="json")
        client.get("/api/v1/canary")
    lines = [record.getMessage() for record in caplog.records if record.name == "gdmarket.access"]
    assert len(lines) == 2
    assert lines[0].startswith("POST /api/v1/notes 201 ")
    assert lines[0].endswith(f" actor={person.id}")
    assert lines[1].startswith("GET /- 404 ")
    assert "canary" not in "".join(lines)
