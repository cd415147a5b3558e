"""Rentals that are over in half an hour."""

from datetime import timedelta
from typing import Any

from rest_framework.test import APIClient

from gdmarket import clock
from tests.acceptance.conftest import Market


def soon(**after: float) -> str:
    return (clock.now() + timedelta(**after)).isoformat()


def request_paid(market: Market, **wishes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return an item, and a rental of it that is paid and over in half an hour."""
    item = market.register()
    rental = market.request(item, **{"ends_at": soon(minutes=30), "payment_method": "pm_ok", **wishes})
    assert rental["state"] == "paid"
    return item, rental


def post(who: APIClient, rental: dict[str, Any], command: str, **body: Any) -> Any:
    return who.post(f"/api/v1/rentals/{rental['id']}/{command}", body, format="json")


def status(market: Market, rental: dict[str, Any]) -> dict[str, Any]:
    return dict(market.renter.get(f"/api/v1/status/rentals/{rental['id']}").json())


def facts(market: Market, rental: dict[str, Any]) -> list[str]:
    return [entry["fact"] for entry in status(market, rental)["timeline"]]


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]
