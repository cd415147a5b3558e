"""At the desk a rental is found by its item, its renter's name or address, or its id."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts import queries as accounts
from apps.accounts.models import User
from apps.items import services as items
from apps.rentals import domain
from apps.rentals.models import Guest, Rental
from apps.rentals.queries import renters
from apps.rentals.services import requesting
from gdmarket import admin, bus, clock, databases
from gdmarket.ids import uuid7
from tests.factories.accounts import UserFactory
from tests.factories.rentals import RentalFactory
from tests.statements import count_statements

pytestmark = pytest.mark.django_db(transaction=True)

RENTALS = "/admin/rentals/rental/"


@dataclass
class Desk:
    """A manager with one rental of one renter, and another manager with another."""

    manager: Any
    renter: Any
    rental: Rental
    other: Rental


@pytest.fixture
def desk() -> Desk:
    manager, renter = UserFactory(item_manager=True), UserFactory(display_name="김\u00a0민수", email="minsu.kim@example.com")
    stranger = UserFactory(display_name="박서연", email="seoyeon@else.example")
    return Desk(
        manager=manager,
        renter=renter,
        rental=_rented(manager, renter, "캠핑\u3000의자"),
        other=_rented(UserFactory(item_manager=True), stranger, "전동 드릴"),
    )


def _rented(manager: Any, renter: Any, name: str) -> Rental:
    now = clock.now()
    details: dict[str, Any] = {"category": "캠핑", "daily_price": 8_000, "latitude": 37.5, "longitude": 127.0, "place": "성수역"}
    item = items.register_item(item_id=uuid7(), manager_id=manager.pk, name=name, now=now, **details)
    bus.run_until_idle()
    ends_at = now + timedelta(days=1)
    rental = requesting.request_rental(rental_id=uuid7(), item_id=item.pk, renter_id=renter.pk, starts_at=now, ends_at=ends_at, now=now)
    bus.run_until_idle()
    return rental


def _found(person: Any, address: str, words: str) -> list[Any]:
    client = Client()
    client.force_login(person)
    answer = client.get(address, {"q": words})
    assert answer.status_code == 200
    return [row.pk for row in answer.context["cl"].result_list]


@pytest.mark.parametrize(
    "words",
    [
        "김민수",
        "민수",
        "김 민수",
        "민수 의자",
        "캠핑의자",
        "의자 캠핑",
        "minsu.kim@example.com",
        " MINSU.KIM@example.com ",
        "김민수 minsu.kim@example.com",
    ],
)
def test_a_rental_is_found_by_its_renter_and_its_item(words: str, desk: Desk) -> None:
    operator = UserFactory(operator=True)
    for person in (desk.manager, operator):
        assert _found(person, RENTALS, words) == [desk.rental.pk]


@pytest.mark.parametrize("words", ["u@한글.kr", "U@XN--bj0bj06e.kr"])
def test_an_address_in_hangul_and_in_punycode_finds_the_same_renter(words: str, desk: Desk) -> None:
    renters = [UserFactory(email="u@한글.kr"), User.objects.create(email="u@xn--bj0bj06e.kr", display_name="예전 가입자")]
    rentals = {_rented(desk.manager, renter, "의자").pk for renter in renters}
    assert set(_found(desk.manager, RENTALS, words)) == rentals


def test_a_rental_is_found_by_its_id(desk: Desk) -> None:
    assert _found(desk.manager, RENTALS, str(desk.rental.pk).upper()) == [desk.rental.pk]
    assert _found(desk.manager, RENTALS, str(desk.other.pk)) == []


@pytest.mark.parametrize("words", ["박서연", "김민수 드릴", "없는사람", "!!", "%"])
def test_a_manager_finds_no_rental_of_others(words: str, desk: Desk) -> None:
    assert _found(desk.manager, RENTALS, words) == []


@pytest.mark.parametrize("part", ["minsu", "minsu.kim@", "@example.com", "kim"])
def test_a_part_of_an_address_finds_for_an_operator_and_tells_a_manager_nothing(part: str, desk: Desk) -> None:
    assert _found(UserFactory(operator=True), RENTALS, part) == [desk.rental.pk]
    assert _found(desk.manager, RENTALS, part) == []


def test_a_name_of_too_many_people_is_said_and_items_are_searched_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "MAX_FOUND", 1)
    UserFactory(display_name="김민수")
    client = Client(headers={"accept-language": "en"})
    client.force_login(UserFactory(operator=True))
    answer = client.get(RENTALS, {"q": "김민수"})
    assert list(answer.context["cl"].result_list) == []
    assert "More than 1 people are called that" in answer.content.decode()


def test_a_manager_finds_a_renter_whose_name_many_people_have(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "MAX_FOUND", 1)
    for number in range(3):
        UserFactory(display_name="김민수", email=f"{number}@minsu.example")
    assert _found(desk.manager, RENTALS, "김민수") == [desk.rental.pk]
    assert _found(desk.manager, RENTALS, "com") == []


@pytest.mark.parametrize("words", ["!!!", "-", " … "])
def test_punctuation_alone_finds_nobody(words: str, desk: Desk) -> None:
    operator = UserFactory(operator=True)
    assert _found(operator, "/admin/accounts/user/", words) == _found(operator, RENTALS, words) == []


def test_a_search_asks_as_much_of_many_rentals_as_of_one(desk: Desk) -> None:
    client = Client()
    client.force_login(desk.manager)

    def search() -> None:
        assert client.get(RENTALS, {"q": "김민수"}).status_code == 200

    search()
    one = count_statements(search)
    for number in range(5):
        _rented(desk.manager, UserFactory(display_name="김민수"), f"의자 {number}")
    assert len(_found(desk.manager, RENTALS, "김민수")) == 6
    assert count_statements(search) == one


def _guest(manager: Any, name: str) -> Rental:
    rental_id = uuid7()
    guest = Guest.objects.create(renter_id=domain.guest_id(rental_id=rental_id), name=name, created_at=clock.now())
    rental: Rental = RentalFactory.create(id=rental_id, renter_id=guest.renter_id, manager_id=manager.pk)
    return rental


def test_a_guest_is_found_by_who_may_and_it_is_said_when_not_all_were_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    manager, operator = UserFactory(item_manager=True), UserFactory(operator=True)
    mine, theirs = _guest(manager, "이웃사촌"), _guest(UserFactory(item_manager=True), "이웃사촌")
    assert _found(manager, RENTALS, "이웃사촌") == [mine.pk]
    assert len(_found(operator, RENTALS, "이웃사촌")) == 2

    monkeypatch.setattr(renters, "_MOST_GUESTS_SEARCHED", 1)
    client = Client(headers={"accept-language": "en"})
    client.force_login(operator)
    page = client.get(RENTALS, {"q": "이웃사촌"})
    assert [row.pk for row in page.context["cl"].result_list] == [theirs.pk]
    assert "Not all renters without an account were searched" in page.content.decode()


@pytest.mark.parametrize("words", ["", "드릴"])
def test_a_list_counts_no_more_rows_than_it_shows(words: str, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "MOST_LISTED", 1)
    for _ in range(3):
        RentalFactory(item_name="드릴")
    client = Client(headers={"accept-language": "en"})
    client.force_login(UserFactory(operator=True))
    with CaptureQueriesContext(connections[databases.alias_for("rentals")]) as statements:
        page = client.get(RENTALS, {"q": words})
    counts = [row["sql"] for row in statements if "COUNT(" in row["sql"].upper() and "RENTALS_RENTAL" in row["sql"].upper()]
    assert counts
    assert not [sql for sql in counts if "LIMIT 2" not in sql]
    assert "1+" in page.content.decode()
    assert "Others are shown by a search or a filter." in page.content.decode()
