"""Permissions by role."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.factories.accounts import UserFactory

pytestmark = [pytest.mark.urls("tests.unit.gdmarket.rest.sample_api"), pytest.mark.django_db]

AsUser = Callable[[Any], APIClient]


def test_a_caller_with_the_role_is_allowed_and_is_the_actor(as_user: AsUser) -> None:
    manager: Any = UserFactory(item_manager=True)
    assert as_user(manager).get("/api/v1/managers").json() == {"you": str(manager.id), "actor": str(manager.id)}


@pytest.mark.parametrize("role", ["renter", "operator"])
def test_a_caller_with_another_role_is_refused(as_user: AsUser, role: str) -> None:
    answer = as_user(UserFactory(**{role: True})).get("/api/v1/managers")
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_role")


def test_where_reading_is_open_only_writing_needs_the_role(api: APIClient, as_user: AsUser) -> None:
    assert api.get("/api/v1/readers").status_code == 200
    assert api.delete("/api/v1/readers").status_code == 401
    assert as_user(UserFactory()).delete("/api/v1/readers").json()["code"] == "wrong_role"
    assert as_user(UserFactory(item_manager=True)).delete("/api/v1/readers").status_code == 200
