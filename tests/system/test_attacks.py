"""The three worst attacks over HTTP, as an attacker or an app developer would send them: to a server, and to the gateway before it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from gdmarket.rest.models import IdempotencyKey
from tests.clients.conftest import PACKAGE, generator_output, model
from tests.e2e.bare_server import serving
from tests.e2e.http_client import HttpClient
from tests.factories.accounts import PASSWORD, UserFactory
from tests.system.edge import gateway

__all__ = ["generator_output"]  # a fixture

PHRASE = "a-long-phrase-of-my-own"
ITEMS, HOLDS = 10, 3
FIELDS, REQUESTS = 19_000, 25
MAX_ERRORS, MAX_KEPT = 20, 64 * 1024
HOUR = timedelta(hours=1)


@pytest.fixture(params=["server", "gateway"])
def port(request: pytest.FixtureRequest, process_environment: dict[str, str], tmp_path: Path) -> Iterator[int]:
    """Return the port at which the market is asked, with the limits that it has by default."""
    settings = {"GDMARKET_TRUSTED_PROXIES": str(int(request.param == "gateway")), "GDMARKET_SECRET_KEY": token_urlsafe(48)}
    with serving(process_environment | settings, output=tmp_path / "output") as server:
        if request.param == "server":
            yield server.port
        else:
            with gateway(servers={"web1": server.port}, GATEWAY_RATE="600") as edge:
                yield edge.port


@pytest.fixture
def manager(people: type[UserFactory], port: int) -> HttpClient:
    return signed_in(port, people(item_manager=True).email, PASSWORD)


def signed_in(port: int, email: str, password: str) -> HttpClient:
    client = HttpClient(port)
    client.sign_in(email, password)
    return client


def fresh_account(port: int) -> HttpClient:
    """Register as anybody may, and sign in."""
    email = f"{uuid4().hex}@example.com"
    status, answer = HttpClient(port).call("POST", "/api/v1/auth/register", {"email": email, "password": PHRASE, "display_name": "새 이웃"})
    assert status == 201, answer
    return signed_in(port, email, PHRASE)


def register_item(manager: HttpClient, **wishes: Any) -> Any:
    wish = {"name": "전동드릴", "category": "공구", "daily_price": 8_000, "latitude": 37.5446, "longitude": 127.0559, "place": "성수역"}
    status, item = manager.call("POST", "/api/v1/items", wish | wishes)
    assert status == 201, item
    return item


def size_of_database() -> int:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
        else:
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        size: int = cursor.fetchone()[0]
        return size


@pytest.mark.usefixtures("generator_output")
def test_a_generated_client_that_changes_a_price_over_http_loses_no_data(port: int, manager: HttpClient) -> None:
    item = register_item(manager, description="18 V, 배터리 두 개", deposit=30_000)
    client = import_module(f"{PACKAGE}.client").AuthenticatedClient(base_url=f"http://127.0.0.1:{port}", token=manager.token)
    revise = import_module(f"{PACKAGE}.api.items.revise_item").sync_detailed
    with client:
        answer = revise(item["id"], client=client, body=model("PatchedItemRequest", daily_price=9_000))
    assert answer.status_code == 200, answer.content

    changes = {"daily_price": 9_000, "version": 2}
    _, kept = manager.call("GET", f"/api/v1/items/{item['id']}")
    assert {name: value for name, value in kept.items() if name != "updated_at"} == {
        name: changes.get(name, value) for name, value in item.items() if name != "updated_at"
    }


def test_one_fresh_account_does_not_empty_the_market_over_http(port: int, manager: HttpClient) -> None:
    items = [register_item(manager, name=f"물건 {number}")["id"] for number in range(ITEMS)]
    attacker, neighbour = fresh_account(port), fresh_account(port)
    starts_at = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)
    period = {"starts_at": starts_at.isoformat(), "ends_at": (starts_at + timedelta(days=300)).isoformat()}

    held = []
    for item in items:
        status, rental = attacker.call("POST", "/api/v1/rentals", {"item": item, **period}, Idempotency_Key=str(uuid4()))
        if status == 201:
            held.append(rental)
        else:
            assert (status, rental["code"]) == (409, "too_many_unpaid_holds")
    assert len(held) == HOLDS
    for _ in range(3):  # new minutes by paying and taking it back
        status, rental = attacker.call("POST", f"/api/v1/rentals/{held[0]['id']}/payment", {"payment_method": "pm_ok"})
        assert (status, rental["state"]) == (200, "paid")
        status, rental = attacker.call("DELETE", f"/api/v1/rentals/{held[0]['id']}/payment")
        assert status in {200, 202}, rental
    _, rental = attacker.call("GET", f"/api/v1/rentals/{held[0]['id']}")
    if rental["payment_due_at"]:
        asked_at, due_at = (datetime.fromisoformat(rental[name]) for name in ("requested_at", "payment_due_at"))
        assert due_at - asked_at <= HOUR
    for item in items[HOLDS:]:
        short = {"starts_at": period["starts_at"], "ends_at": (starts_at + timedelta(days=1)).isoformat(), "payment_method": "pm_ok"}
        status, rental = neighbour.call("POST", "/api/v1/rentals", {"item": item, **short})
        assert (status, rental["state"]) == (201, "paid")


def test_thousands_of_unknown_fields_fill_no_disk(port: int) -> None:
    bomb = {f"f{number}": 0 for number in range(FIELDS)}
    someone = fresh_account(port)
    kept, before = IdempotencyKey.objects.count(), size_of_database()
    for client, path in ((HttpClient(port), "/api/v1/auth/register"), (someone, "/api/v1/rentals")):
        statuses = []
        for _ in range(REQUESTS):
            status, answer = client.call("POST", path, bomb, Idempotency_Key=str(uuid4()))
            statuses.append(status)
            assert status in {400, 429}, answer
            assert len(answer.get("errors", [])) <= MAX_ERRORS
        assert statuses[0] == 400
    assert max(len(text) for client in (HttpClient(port), someone) for text in ["", *client.refusals]) < MAX_KEPT
    # Nothing of the stranger's; of the other twenty-five answers of twenty errors each.
    assert IdempotencyKey.objects.count() - kept <= REQUESTS
    assert size_of_database() - before < 1024 * 1024
