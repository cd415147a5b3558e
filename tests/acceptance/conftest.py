"""A market with one manager, two renters and a drill, reached over HTTP; and a payment provider."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from gdmarket import breaker
from tests.factories.accounts import UserFactory
from tests.unit.payments.fake_gateway import FakeGateway, in_use

Drain = Callable[[], int]
PassTime = Callable[..., Any]

DRILL: dict[str, Any] = {
    "name": "충전 드릴",
    "description": "18 V",
    "category": "공구",
    "daily_price": 8_000,
    "deposit": 30_000,
    "currency": "KRW",
    "latitude": 37.5446,
    "longitude": 127.0559,
    "place": "성수역",
}


@dataclass(kw_only=True)
class Market:
    """The people of the scenarios, and their requests."""

    manager: APIClient
    renter: APIClient
    neighbour: APIClient
    anyone: APIClient

    def register(self, **changes: Any) -> dict[str, Any]:
        answer = self.manager.post("/api/v1/items", {**DRILL, **changes}, format="json")
        assert answer.status_code == 201, answer.content
        return dict(answer.json())

    def request(self, item: dict[str, Any], by: APIClient | None = None, **wishes: Any) -> dict[str, Any]:
        answer = (by or self.renter).post("/api/v1/rentals", {"item": item["id"], **wishes}, format="json")
        assert answer.status_code == 201, answer.content
        return dict(answer.json())

    def pay(self, rental: dict[str, Any], method: str = "pm_ok", by: APIClient | None = None) -> Any:
        return (by or self.renter).post(f"/api/v1/rentals/{rental['id']}/payment", {"payment_method": method}, format="json")

    def command(self, who: APIClient, rental: dict[str, Any], command: str) -> Any:
        """Send `cancel`, `handover` or `return`."""
        return who.post(f"/api/v1/rentals/{rental['id']}/{command}")

    def see(self, rental: dict[str, Any]) -> dict[str, Any]:
        """Return a rental as commands answer it."""
        return {name: value for name, value in self.see_agreed(rental).items() if name not in {"guest", "agreed", "current", "changed"}}

    def see_agreed(self, rental: dict[str, Any]) -> dict[str, Any]:
        """Return a rental with what was agreed, and what has changed since."""
        return dict(self.renter.get(f"/api/v1/rentals/{rental['id']}").json())

    def availability(self, item: dict[str, Any]) -> str:
        return str(self.anyone.get(f"/api/v1/items/{item['id']}").json()["availability"])


@pytest.fixture
def long_sessions(settings: Settings) -> None:
    """Let everybody who signs in after this stay signed in for as long as time passes."""
    settings.GDMARKET_ACCESS_TOKEN_LIFETIME_S = 30 * 24 * 3600


@pytest.fixture
def short_rentals(settings: Settings) -> None:
    """Let rentals be as short as a second."""
    settings.GDMARKET_SHORTEST_RENTAL_S = 1


@pytest.fixture
def market(transactional_db: None, as_user: Callable[[Any], APIClient], api: APIClient) -> Market:
    """Return a market without items and rentals."""
    breaker.reset()
    return Market(
        manager=as_user(UserFactory(item_manager=True)),
        renter=as_user(UserFactory()),
        neighbour=as_user(UserFactory()),
        anyone=api,
    )


@pytest.fixture
def provider(settings: Settings) -> Iterator[FakeGateway]:
    """Return the payment provider in use, in place of the sandbox."""
    with in_use(settings) as provider:
        yield provider
