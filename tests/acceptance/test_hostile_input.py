"""Whatever comes in: a problem document with a stable code, no 5xx, and nothing changed."""

import json
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.items.models import Item
from apps.rentals.models import Rental
from gdmarket import databases
from gdmarket.bus.models import Event
from gdmarket.ids import uuid7
from tests.acceptance.conftest import DRILL, Market
from tests.factories.accounts import UserFactory

PROBLEM = {"type", "title", "status", "detail", "code", "correlation_id"}
NOW = datetime.now(UTC)


def assert_problem(answer: Any, *, status: int, code: str, field: str | None = None) -> None:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem.keys() >= PROBLEM
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["correlation_id"] == answer["X-Correlation-ID"]
    if field is not None:
        assert field in {error["field"] for error in problem["errors"]}


@pytest.fixture
def unchanged(market: Market) -> Callable[[], None]:
    """Return a check that nothing was written since."""

    def count() -> tuple[int, int, int]:
        return Item.objects.count(), Rental.objects.count(), Event.objects.count()

    before = count()

    def check() -> None:
        assert count() == before

    return check


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"daily_price": -1}, "daily_price", None),
        ({"longitude": "NaN"}, "longitude", None),
        ({"name": "a\x00b"}, None, "malformed_json"),
        ({"name": ["a"]}, "name", None),
        ({"availability": "available"}, "availability", None),
    ],
)
def test_an_invalid_item_is_refused(
    market: Market, unchanged: Callable[[], None], change: dict[str, Any], field: str | None, code: str | None
) -> None:
    answer = market.manager.post("/api/v1/items", {**DRILL, **change}, format="json")

    assert_problem(answer, status=400, code=code or "invalid", field=field)
    unchanged()


@pytest.mark.parametrize(
    ("wishes", "status", "code", "field"),
    [
        ({"starts_at": NOW + timedelta(days=2), "ends_at": NOW + timedelta(days=1)}, 400, "period_reversed", "ends_at"),
        ({"starts_at": NOW + timedelta(days=2), "ends_at": NOW + timedelta(days=2)}, 400, "period_reversed", "ends_at"),
        ({"starts_at": NOW - timedelta(days=1)}, 400, "period_past", "starts_at"),
        ({"ends_at": NOW + timedelta(days=400)}, 400, "period_too_far", "ends_at"),
        ({"starts_at": "2026-12-01T09:00:00"}, 400, "invalid", "starts_at"),
        ({"starts_at": "tomorrow"}, 400, "invalid", "starts_at"),
        ({"starts_at": "9999-12-31T23:59:59-23:59"}, 400, "invalid", "starts_at"),
        ({"starts_at": 5}, 400, "invalid", "starts_at"),
        ({"starts_at": None}, 400, "invalid", "starts_at"),
        ({"price": 1}, 400, "invalid", "price"),
        ({"state": "paid"}, 400, "invalid", "state"),
        ({"payment_method": "pm_free"}, 400, "unknown_payment_method", "payment_method"),
        ({"payment_method": ""}, 400, "invalid", "payment_method"),
        ({"item": "1"}, 400, "invalid", "item"),
        ({"item": str(uuid7())}, 404, "item_not_found", None),
    ],
)
def test_an_invalid_request_is_refused(market: Market, wishes: dict[str, Any], status: int, code: str, field: str | None) -> None:
    item = market.register()

    answer = market.renter.post("/api/v1/rentals", {"item": item["id"], **wishes}, format="json")

    assert_problem(answer, status=status, code=code, field=field)
    assert not Rental.objects.exists()
    assert market.availability(item) == "available"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"", "application/json", 400, "invalid"),
        (b"[" * 100_000, "application/json", 400, "malformed_json"),
        (b'{"item": "' + b"x" * 300_000 + b'"}', "application/json", 413, "body_too_large"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
    ],
)
def test_an_unreadable_body_is_refused(
    market: Market, unchanged: Callable[[], None], body: bytes, content_type: str, status: int, code: str
) -> None:
    answer = market.renter.post("/api/v1/rentals", body, content_type=content_type)

    assert_problem(answer, status=status, code=code)
    unchanged()


def test_the_wrong_person_and_the_wrong_role_change_nothing(market: Market, as_user: Callable[[Any], APIClient]) -> None:
    item = market.register()
    rental = market.request(item)
    other_manager = as_user(UserFactory(item_manager=True))
    path, thing = f"/api/v1/rentals/{rental['id']}", f"/api/v1/items/{item['id']}"

    assert_problem(market.anyone.post("/api/v1/rentals", {"item": item["id"]}, format="json"), status=401, code="not_authenticated")
    assert_problem(market.manager.post("/api/v1/rentals", {"item": item["id"]}, format="json"), status=403, code="wrong_role")
    assert_problem(market.renter.post("/api/v1/items", DRILL, format="json"), status=403, code="wrong_role")
    assert_problem(market.renter.delete(thing), status=403, code="wrong_role")
    assert_problem(other_manager.delete(thing), status=404, code="item_not_found")
    assert_problem(other_manager.patch(thing, {"name": "mine"}, format="json"), status=404, code="item_not_found")
    assert_problem(market.neighbour.get(path), status=404, code="rental_not_found")
    assert_problem(market.neighbour.post(f"{path}/cancel"), status=404, code="rental_not_found")
    assert_problem(
        market.neighbour.post(f"{path}/payment", {"payment_method": "pm_ok"}, format="json"), status=404, code="rental_not_found"
    )
    assert_problem(other_manager.post(f"{path}/handover"), status=404, code="rental_not_found")
    assert_problem(market.renter.post(f"{path}/handover"), status=403, code="not_the_manager")
    assert_problem(market.manager.post(f"{path}/payment", {"payment_method": "pm_ok"}, format="json"), status=403, code="not_the_renter")
    assert_problem(market.manager.delete(f"{path}/payment"), status=403, code="not_the_renter")
    assert market.see(rental) == rental


def test_the_wrong_state_is_named_and_changes_nothing(market: Market) -> None:
    rental = market.request(market.register())

    for command in ("handover", "return"):
        answer = market.command(market.manager, rental, command)
        assert_problem(answer, status=409, code="wrong_state")
        assert answer.json()["state"] == "requested"
    assert_problem(market.renter.delete(f"/api/v1/rentals/{rental['id']}/payment"), status=409, code="wrong_state")
    assert market.see(rental) == rental


@pytest.mark.parametrize(
    "hostile",
    ["a b", "x" * 65, "x" * 10_000, "<script>", "물건", "a\tb", "${jndi:ldap://x}", "%0d%0aSet-Cookie: a=b", "a\r\nSet-Cookie: b", ""],
)
def test_a_hostile_correlation_id_is_replaced_and_never_logged(market: Market, hostile: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    answer = market.anyone.get("/api/v1/items", headers={"X-Correlation-ID": hostile, "traceparent": hostile})

    assert answer.status_code == 200
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", answer["X-Correlation-ID"])
    assert answer["X-Correlation-ID"] != hostile
    assert not hostile or hostile not in caplog.text


def test_a_valid_correlation_id_is_kept_in_every_event(market: Market) -> None:
    item = market.register()
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"X-Correlation-ID": "trace-1", "traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}

    answer = market.renter.post("/api/v1/rentals", {"item": item["id"], "payment_method": "pm_ok"}, format="json", headers=headers)

    assert answer["X-Correlation-ID"] == "trace-1"
    events = [event for log in databases.aliases() for event in Event.objects.using(log).filter(correlation="trace-1")]
    assert {"rentals.RentalRequested", "rentals.RentalPaid", "payments.PaymentApproved"} <= {event.type for event in events}
    assert {event.traceparent.split("-")[1] for event in events} == {trace_id}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("get", "/api/v1/nothing", 404, "not_found"),
        ("get", "/api/v1/rentals/not-a-uuid", 404, "not_found"),
        ("get", "/api/v1/rentals/01890a5d-ac96-774b-bcce-b302099a8057", 404, "rental_not_found"),
        ("get", "/api/v1/rentals?state=lost", 400, "invalid"),
        ("get", "/api/v1/rentals?colour=red", 400, "invalid"),
        ("put", "/api/v1/rentals", 405, "method_not_allowed"),
        ("trace", "/api/v1/rentals", 405, "method_not_allowed"),
    ],
)
def test_an_unknown_address_is_a_problem(market: Market, method: str, path: str, status: int, code: str) -> None:
    assert_problem(getattr(market.renter, method)(path), status=status, code=code)


def test_no_answer_reveals_internals(market: Market) -> None:
    answer = market.renter.post("/api/v1/rentals", {"item": {"$ne": 1}}, format="json")

    assert not re.search(r"Traceback|File \"|apps[./]|SELECT|django", json.dumps(answer.json()))
