"""A manager, the API as that manager, and an item of theirs."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.items.models import Item
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory


@pytest.fixture
def manager() -> Any:
    return UserFactory(item_manager=True)


@pytest.fixture
def manager_api(manager: Any, as_user: Callable[[Any], APIClient]) -> APIClient:
    return as_user(manager)


@pytest.fixture
def item(manager: Any) -> Item:
    made: Item = ItemFactory(manager_id=manager.pk)
    return made
