"""The headers of answers are those that the OpenAPI document names: one rental, with what can go wrong on the way."""

import re
from collections import defaultdict
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from tests.acceptance.conftest import DRILL, Market
from tests.acceptance.test_contract import HEADERS

ITEMS, RENTALS = "/api/v1/items", "/api/v1/rentals"


def answer_in(paths: Any, method: str, path: str, status: int) -> Any:
    """Return what the document says of an answer."""
    template = next(known for known in paths if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), path))
    return paths[template][method]["responses"][str(status)]


def documented(paths: Any, method: str, path: str, status: int) -> set[str]:
    """Return the names of the headers that an answer may have."""
    return set(answer_in(paths, method, path, status).get("headers", {}))


def has_body(paths: Any, method: str, path: str, status: int) -> bool:
    """Return whether an answer has a body: a generated client reads none where none is documented."""
    return "content" in answer_in(paths, method, path, status)


def answers(market: Market) -> list[Any]:
    """Walk one rental through, and return every answer."""
    item, other = market.register(), market.register(name="다른 드릴")
    address, wish = f"{ITEMS}/{item['id']}", {"item": item["id"]}
    seen = market.anyone.get(address)
    requested = market.renter.post(RENTALS, wish, format="json", HTTP_IDEMPOTENCY_KEY="once")
    rental = requested.json()
    replayed = market.renter.post(RENTALS, wish, format="json", HTTP_IDEMPOTENCY_KEY="once")
    assert replayed["Idempotent-Replayed"] == "true"
    in_flight = market.renter.post(RENTALS, {"item": other["id"], "payment_method": "pm_error"}, format="json")
    assert in_flight.status_code == 202
    return [
        seen,
        requested,
        replayed,
        in_flight,
        market.renter.get(f"{RENTALS}?limit=1"),
        market.anyone.get(f"{ITEMS}?limit=1"),
        market.anyone.get(address, HTTP_IF_NONE_MATCH=seen["ETag"]),
        market.manager.patch(address, {"daily_price": 9_000}, format="json", HTTP_IF_MATCH='"99"'),
        market.manager.patch(address, {"daily_price": 9_000}, format="json"),
        market.manager.delete(address),
        market.anyone.post(RENTALS, wish, format="json"),
        market.renter.post(ITEMS, DRILL, format="json"),
        market.manager.post(ITEMS, DRILL, format="json"),
        market.pay(rental),
        market.command(market.manager, rental, "handover"),
        market.renter.get(f"/api/v1/status/rentals/{rental['id']}"),
        market.manager.get(f"/api/v1/status/items/{item['id']}"),
        market.command(market.manager, rental, "return"),
        market.manager.delete(f"{RENTALS}/{rental['id']}/return"),
    ]


def test_a_rental_and_its_refusals_send_the_documented_headers_alone(market: Market) -> None:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    sent: dict[str, set[str]] = defaultdict(set)

    for answer in answers(market):
        method, path = answer.request["REQUEST_METHOD"].lower(), answer.request["PATH_INFO"]
        assert bool(answer.content) == has_body(paths, method, path, answer.status_code), (method, path, answer.status_code)
        held = {name for name in HEADERS if name in answer.headers}
        assert "X-Correlation-ID" in held
        assert held <= documented(paths, method, path, answer.status_code), (method, path, answer.status_code)
        sent[method] |= held

    assert sent["post"] >= {"ETag", "Idempotent-Replayed", "Link", "Location", "WWW-Authenticate"}
    assert sent["get"] >= {"ETag", "Link"}
