"""What an app developer gets who generates a client from the OpenAPI document and calls the market with it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from apps.items.models import Item
from apps.rentals.models import Rental
from tests.clients.conftest import Generated, model
from tests.factories.items import ItemFactory

Clients = Callable[..., Generated]
SEOUL = timezone(timedelta(hours=9))


def registered(manager: Generated) -> Any:
    """Register an item with everything there is to say about it."""
    wish = model(
        "ItemRequest",
        name="충전 드릴",
        description="18 V, 배터리 두 개",
        category="공구",
        daily_price=8_000,
        deposit=30_000,
        latitude=37.5446,
        longitude=127.0559,
        place="성수역",
    )
    answer = manager.call("items", "register_item", body=wish)
    assert answer.status_code == 201, answer.content
    return answer.parsed


def test_the_generator_understands_the_whole_document(generator_output: str) -> None:
    assert "WARNING" not in generator_output
    assert "ERROR" not in generator_output


def test_a_price_change_by_a_generated_client_leaves_everything_else(generated: Clients) -> None:
    manager = generated(item_manager=True)
    item = registered(manager)

    answer = manager.call("items", "revise_item", item.id, body=model("PatchedItemRequest", daily_price=9_000))

    assert (answer.status_code, answer.parsed.daily_price) == (200, 9_000)
    kept = Item.objects.get(id=item.id)
    assert (kept.description, kept.deposit, kept.name, kept.place) == ("18 V, 배터리 두 개", 30_000, "충전 드릴", "성수역")


def test_a_generated_client_that_names_nothing_lists_the_items(generated: Clients) -> None:
    item = ItemFactory()
    answer = generated(person=None).call("items", "list_items")
    assert (answer.status_code, [found.id for found in answer.parsed.results]) == (200, [item.id])


def test_a_generated_client_finds_what_is_free_in_its_own_zone(generated: Clients) -> None:
    item = ItemFactory()
    tomorrow = datetime.now(SEOUL) + timedelta(days=1)
    answer = generated(person=None).call("items", "list_items", free_from=tomorrow, free_to=tomorrow + timedelta(days=1))
    assert (answer.status_code, [found.id for found in answer.parsed.results]) == (200, [item.id])


def test_a_generated_client_completes_a_rental_and_reads_every_answer(generated: Clients) -> None:
    manager, renter = generated(item_manager=True), generated()
    item = registered(manager)
    wish = model("RequestRentalRequest", item=item.id, starts_at=datetime.now(SEOUL), payment_method="pm_ok")

    requested = renter.call("rentals", "request_rental", body=wish)
    assert (requested.status_code, str(requested.parsed.state)) == (201, "paid")
    rental_id: UUID = requested.parsed.id
    assert requested.headers["Location"].endswith(f"/rentals/{rental_id}")
    handed_over = manager.call("rentals", "hand_over_rental", rental_id)
    status = renter.call("status", "get_rental_status", rental_id, min_version=handed_over.parsed.version)
    item_status = manager.call("status", "get_item_status", item.id)
    returned = manager.call("rentals", "return_rental", rental_id)

    assert [str(answer.parsed.state) for answer in (handed_over, status, returned)] == ["rented", "rented", "returned"]
    assert (status.parsed.payment.state, status.parsed.money.paid) == ("approved", 8_000)
    assert item_status.parsed.current_rental.id == rental_id
    assert Rental.objects.get(id=rental_id).state == "returned"


def test_a_generated_client_reads_every_list(generated: Clients) -> None:
    manager, renter = generated(item_manager=True), generated()
    item = registered(manager)
    rental = renter.call("rentals", "request_rental", body=model("RequestRentalRequest", item=item.id)).parsed

    lists = [
        renter.call("items", "list_items", limit=5),
        renter.call("rentals", "list_rentals", limit=5),
        renter.call("status", "list_rental_status", limit=5),
        manager.call("status", "list_item_status", limit=5),
    ]

    assert [[row.id for row in answer.parsed.results] for answer in lists] == [[item.id], [rental.id], [rental.id], [item.id]]
    assert lists[1].parsed.results[0].payment_due_at > datetime.now(UTC)
