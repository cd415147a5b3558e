"""The status view over HTTP: the caller's own rows, in one query."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.items.events import ItemRegistered, ItemWithdrawn
from apps.rentals.events import RentalHandedOver, RentalRequested
from gdmarket import ids
from tests.factories.accounts import UserFactory
from tests.unit.status_view.conftest import ITEMS, RENTALS, AsUser, Neighbourhood
from tests.unit.status_view.facts import DAY, NOON, ItemFacts, RentalFacts, deliver

pytestmark = pytest.mark.django_db


def _results(client: APIClient, address: str) -> list[str]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.content
    return [result["id"] for result in answer.json()["results"]]


def test_an_item_is_shown_with_its_current_rental_and_payment(place: Neighbourhood) -> None:
    deliver(*place.rental.pays(place.payment_id))

    assert place.manager.get(place.its_item).json() == {
        "id": str(place.item.id),
        "manager": str(place.manager_user.pk),
        "name": "충전 드릴",
        "category": "공구",
        "place": "성수역",
        "daily_price": 8_000,
        "deposit": 30_000,
        "currency": "KRW",
        "state": "listed",
        "thumbnail": None,
        "availability": "reserved",
        "current_rental": {
            "id": str(place.rental.id),
            "state": "paid",
            "renter": str(place.renter_user.pk),
            "starts_at": "2036-05-02T12:00:00Z",
            "ends_at": "2036-05-03T12:00:00Z",
            "overdue": False,
        },
        "payment": {"id": str(place.payment_id), "state": "approved"},
        "version": 1,
        "updated_at": "2036-05-01T12:00:00Z",
    }


def test_a_free_item_has_no_rental_and_no_payment(place: Neighbourhood) -> None:
    free = ItemFacts(manager_id=place.manager_user.pk)
    deliver(free.then(ItemRegistered))

    shown = place.manager.get(f"{ITEMS}/{free.id}").json()

    assert (shown["availability"], shown["current_rental"], shown["payment"]) == ("available", None, None)


def test_a_rental_is_shown_with_its_turn_its_deadline_and_its_money(place: Neighbourhood) -> None:
    shown = place.renter.get(place.its_rental).json()
    assert (shown["turn"], shown["deadline"], shown["payment"]) == ("renter", "2036-05-01T12:15:00Z", None)
    assert shown["money"] == {"price": 8_000, "paid": 0, "refunded": 0, "currency": "KRW"}

    deliver(*place.rental.pays(place.payment_id))
    shown = place.manager.get(place.its_rental).json()

    assert {name: shown[name] for name in ("item", "renter", "manager", "state", "turn", "deadline", "version", "paid_at")} == {
        "item": str(place.item.id),
        "renter": str(place.renter_user.pk),
        "manager": str(place.manager_user.pk),
        "state": "paid",
        "turn": "manager",
        "deadline": "2036-05-02T12:00:00Z",
        "version": 3,
        "paid_at": "2036-05-01T12:00:00Z",
    }
    assert shown["money"] == {"price": 8_000, "paid": 8_000, "refunded": 0, "currency": "KRW"}
    assert shown["payment"] == {"id": str(place.payment_id), "state": "approved"}
    assert [entry["fact"] for entry in shown["timeline"]] == ["RentalRequested", "RentalPaymentStarted", "PaymentApproved", "RentalPaid"]


def test_a_status_shows_every_field_of_the_rental_itself(place: Neighbourhood) -> None:
    assert set(place.renter.get(place.its_rental).json()) == {
        *("id", "item", "item_name", "renter", "manager", "starts_at", "ends_at", "price", "currency", "state", "overdue"),
        *("payment_due_at", "payment", "cancel_requested", "version", "requested_at", "paid_at", "handed_over_at", "returned_at"),
        *("closed_at", "cancelled_by", "in_cash", "item_version", "item_changed_at", "turn", "deadline", "money", "timeline", "updated_at"),
    }


def test_anothers_rows_are_not_found(place: Neighbourhood) -> None:
    for client, address in [
        (place.other_manager, place.its_item),
        (place.other_manager, place.its_rental),
        (place.other_renter, place.its_rental),
        (place.manager, f"{ITEMS}/{ids.uuid7()}"),
        (place.renter, f"{RENTALS}/{ids.uuid7()}"),
        (place.renter, f"{RENTALS}/not-an-id"),
    ]:
        assert client.get(address).status_code == 404
    assert place.other_manager.get(place.its_item).json()["code"] == "item_not_found"
    assert place.other_renter.get(place.its_rental).json()["code"] == "rental_not_found"
    assert _results(place.other_manager, ITEMS) == _results(place.other_manager, RENTALS) == _results(place.other_renter, RENTALS) == []


def test_items_need_the_role_of_item_manager_and_everything_a_token(place: Neighbourhood, api: APIClient) -> None:
    for address in (ITEMS, place.its_item):
        assert (place.renter.get(address).status_code, place.renter.get(address).json()["code"]) == (403, "wrong_role")
    for address in (ITEMS, place.its_item, RENTALS, place.its_rental):
        assert api.get(address).status_code == 401


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_view_is_read_only(place: Neighbourhood, method: str) -> None:
    for address in (ITEMS, place.its_item, RENTALS, place.its_rental):
        assert getattr(place.manager, method)(address, {}, format="json").status_code == 405


def test_items_can_be_filtered(place: Neighbourhood) -> None:
    tent = ItemFacts(manager_id=place.manager_user.pk, name="텐트 100%", category="캠핑", place="뚝섬")
    gone = ItemFacts(manager_id=place.manager_user.pk, name="Old Saw")
    deliver(tent.then(ItemRegistered), gone.then(ItemRegistered), gone.then(ItemWithdrawn, state="withdrawn"))
    drill, tent_id, gone_id = str(place.item.id), str(tent.id), str(gone.id)

    for query, found in {
        "": [gone_id, tent_id, drill],
        "state=listed": [tent_id, drill],
        "state=withdrawn": [gone_id],
        "availability=reserved": [drill],
        "availability=available&state=listed": [tent_id],
        "availability=rented": [],
        "q=텐트": [tent_id],
        "q=뚝섬": [tent_id],
        "q=캠핑": [tent_id],
        "q=old%20saw": [gone_id],
        "q=oldsaw": [gone_id],
        "q=OLD-%E3%80%80Saw!": [gone_id],
        "q=o%E2%80%8Bld": [gone_id],
        "q=100%25": [tent_id],
        "q=_": [],
        "q=": [gone_id, tent_id, drill],
    }.items():
        # The newest first, as far as ids can tell: to the millisecond.
        assert _results(place.manager, f"{ITEMS}?{query}") == sorted(found, reverse=True), query


def test_rentals_can_be_filtered(place: Neighbourhood, as_user: AsUser) -> None:
    both = UserFactory(is_renter=True, is_item_manager=True)
    theirs = ItemFacts(manager_id=both.pk)
    lent = RentalFacts(theirs, renter_id=place.renter_user.pk, requested_at=NOON + DAY)
    borrowed = RentalFacts(place.item, renter_id=both.pk, requested_at=NOON + 2 * DAY)
    deliver(
        theirs.then(ItemRegistered),
        lent.then(RentalRequested),
        borrowed.then(RentalRequested),
        borrowed.then(RentalHandedOver, state="rented"),
    )
    client = as_user(both)

    for query, found in {
        "": [borrowed, lent],
        "role=renter": [borrowed],
        "role=manager": [lent],
        "state=rented": [borrowed],
        "state=requested": [lent],
        "state=returned": [],
        f"item={theirs.id}": [lent],
        f"item={ids.uuid7()}": [],
        "role=manager&state=rented": [],
    }.items():
        assert _results(client, f"{RENTALS}?{query}") == [str(rental.id) for rental in found], query


@pytest.mark.parametrize(
    ("address", "field"),
    [
        (f"{ITEMS}?colour=red", "colour"),
        (f"{ITEMS}?state=rented", "state"),
        (f"{ITEMS}?availability=perhaps", "availability"),
        (f"{ITEMS}?q={'x' * 101}", "q"),
        (f"{ITEMS}?limit=0", "limit"),
        (f"{ITEMS}?cursor=mine", "cursor"),
        (f"{ITEMS}?manager_id=1", "manager_id"),
        (f"{RENTALS}?role=owner", "role"),
        (f"{RENTALS}?state=lost", "state"),
        (f"{RENTALS}?item=7", "item"),
        (f"{RENTALS}?renter=1", "renter"),
    ],
)
def test_an_invalid_parameter_is_named(place: Neighbourhood, address: str, field: str) -> None:
    answer = place.manager.get(address)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_lists_are_paged(place: Neighbourhood) -> None:
    rentals = [RentalFacts(place.item, renter_id=place.renter_user.pk, requested_at=NOON + DAY) for _ in range(4)]
    deliver(*(rental.then(RentalRequested) for rental in rentals))
    expected = [*sorted(str(rental.id) for rental in rentals), str(place.rental.id)]

    found, address = [], f"{RENTALS}?limit=2&role=renter"
    while address:
        page = place.renter.get(address).json()
        assert len(page["results"]) <= 2
        found += [result["id"] for result in page["results"]]
        address = page["next"]

    assert found == expected


def test_an_answer_that_the_caller_has_is_a_304(place: Neighbourhood) -> None:
    for address in (place.its_item, place.its_rental):
        first = place.manager.get(address)
        again = place.manager.get(address, headers={"If-None-Match": first["ETag"]})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])


def test_the_etag_changes_if_and_only_if_the_answer_does(place: Neighbourhood) -> None:
    second = ids.uuid7()
    facts = [*place.rental.fails_to_pay(place.payment_id), *place.rental.pays(second), *place.rental.is_refunded(second)]
    # Late and repeated facts too: they change the timeline or the money while the version stays.
    order = [facts[2], facts[0], facts[1], facts[5], facts[3], facts[4], facts[4], facts[8], facts[6], facts[7], facts[7]]
    answers: dict[str, list[tuple[str, bytes]]] = {place.its_item: [], place.its_rental: []}

    for fact in [None, *order]:
        if fact:
            deliver(fact)
        for address, seen in answers.items():
            answer = place.manager.get(address)
            seen.append((answer["ETag"], answer.content))

    for seen in answers.values():
        assert len({etag for etag, _ in seen}) == len({body for _, body in seen}) == len(set(seen))
    assert len(set(answers[place.its_rental])) == 10


def test_reading_takes_one_query_beside_the_authentication(place: Neighbourhood, django_assert_num_queries: Any) -> None:
    more = [RentalFacts(place.item, renter_id=place.renter_user.pk) for _ in range(5)]
    deliver(*(rental.then(RentalRequested) for rental in more))
    with django_assert_num_queries(1):
        place.manager.get(f"{RENTALS}?role=owner")

    for address in (
        ITEMS,
        place.its_item,
        RENTALS,
        place.its_rental,
        f"{ITEMS}?q=드릴&state=listed",
        f"{RENTALS}?role=manager&state=requested",
    ):
        with django_assert_num_queries(2):
            answer = place.manager.get(address)
        assert answer.status_code == 200
