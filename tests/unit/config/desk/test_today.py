"""오늘: each queue's rows, whose they are, and that many cost no more than few."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import ProgrammingError, connections
from django.test import Client

from apps.status_view.models import ItemStatus, RentalStatus
from config.desk import today
from gdmarket import clock, databases
from gdmarket.ids import uuid7
from tests.factories.accounts import UserFactory
from tests.factories.rentals import RentalFactory
from tests.statements import count_statements, refused_statements

pytestmark = pytest.mark.django_db(databases="__all__")

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def _open(person: Any, language: str = "en") -> Any:
    client = Client(headers={"accept-language": language})
    client.force_login(person)
    return client.get("/admin/")


def _rows(person: Any) -> dict[str, list[str]]:
    return {section["key"]: [row["item"] for row in section["rows"]] for section in _open(person).context["sections"]}


def _make_one_of_each(manager: Any, name: str) -> None:
    row: dict[str, Any] = {"manager_id": manager.pk, "item_name": name}
    RentalFactory(**row, state="rented", starts_in=-3 * DAY)
    RentalFactory(**row, state="paid")
    RentalFactory(**row, state="paid", starts_in=3 * DAY)
    RentalFactory(**row, state="rented", starts_in=-DAY + HOUR)
    RentalFactory(**row, state="rented", starts_in=6 * DAY)
    RentalFactory(**row)
    RentalFactory(**row, state="refunding", cancel_requested=True)
    RentalFactory(**row, state="returned", closed_at=clock.now(), starts_in=-3 * DAY)


def test_a_manager_sees_what_waits_of_their_own_and_an_operator_everybodys() -> None:
    mine: Any = UserFactory(item_manager=True)
    theirs: Any = UserFactory(item_manager=True)
    for manager, name in ((mine, "mine"), (theirs, "theirs")):
        _make_one_of_each(manager, name)

    queues = ["overdue", "to_hand_over", "due_back", "unpaid", "settling"]
    assert _rows(mine) == {queue: ["mine"] for queue in queues}
    assert _rows(theirs) == {queue: ["theirs"] for queue in queues}
    assert {queue: sorted(rows) for queue, rows in _rows(UserFactory(operator=True)).items()} == {
        queue: ["mine", "theirs"] for queue in queues
    }


def test_each_section_leads_to_the_list_of_just_these_rentals() -> None:
    manager: Any = UserFactory(item_manager=True)
    _make_one_of_each(manager, "drill")
    client = Client()
    client.force_login(manager)
    sections = client.get("/admin/").context["sections"]
    assert len(sections) == 5
    for section in sections:
        listed = client.get(section["address"]).context["cl"].result_list
        assert [f"/admin/rentals/rental/{row.pk}/change/" for row in listed] == [row["address"] for row in section["rows"]]


def test_a_row_names_the_item_and_the_renter_and_has_the_button_that_is_next() -> None:
    manager: Any = UserFactory(item_manager=True)
    renter: Any = UserFactory(display_name="박이웃", email="neighbour@example.com")
    rental = RentalFactory(manager_id=manager.pk, renter_id=renter.pk, item_name="캠핑 의자", state="paid", starts_in=-HOUR)
    page = _open(manager).content.decode()
    for shown in ("캠핑 의자", "박이웃", f'action="/admin/rentals/rental/{rental.pk}/hand-over/"', "waiting for 1\u00a0hour"):
        assert shown in page, shown
    assert f"/admin/accounts/user/{renter.pk}/change/" not in page
    assert f"/admin/accounts/user/{renter.pk}/change/" in _open(UserFactory(operator=True)).content.decode()


def test_a_row_says_how_to_reach_the_renter_once_it_is_paid() -> None:
    manager: Any = UserFactory(item_manager=True)
    for state in ("requested", "paid", "rented", "refunding"):
        renter: Any = UserFactory(email=f"{state}@example.com")
        RentalFactory(manager_id=manager.pk, renter_id=renter.pk, state=state)
    page = _open(manager).content.decode()
    assert [state for state in ("requested", "paid", "rented", "refunding") if f"{state}@example.com" in page] == ["paid", "rented"]
    assert "@example.com" not in _open(UserFactory(item_manager=True)).content.decode()


def test_who_has_nothing_yet_is_shown_the_first_steps() -> None:
    manager: Any = UserFactory(item_manager=True)
    assert "첫 대여까지 세 단계" in _open(manager, "ko").content.decode()
    ItemStatus.objects.create(id=uuid7(), version=1, manager_id=manager.pk, name="드릴", state="listed", currency="KRW")
    for state in ("listed", "paused"):
        ItemStatus.objects.update(state=state)
        page = _open(manager, "ko").content.decode()
        assert "첫 대여까지 세 단계" not in page
        assert "지금은 할 일이 없습니다." in page


def _paid(
    manager: Any, *, starts_in: timedelta, state: str = "returned", paid: int = 10_000, refunded: int = 0, currency: str = "KRW"
) -> None:
    starts_at = clock.now() + starts_in
    RentalStatus.objects.create(
        id=uuid7(),
        version=1,
        item_id=uuid7(),
        renter_id=uuid7(),
        manager_id=manager.pk,
        starts_at=starts_at,
        ends_at=starts_at + DAY,
        state=state,
        currency=currency,
        paid=paid,
        refunded=refunded,
        payment_due_at=starts_at,
        requested_at=starts_at,
        paid_at=starts_at,
    )


def test_the_last_30_days_are_summed() -> None:
    manager: Any = UserFactory(item_manager=True)
    other: Any = UserFactory(item_manager=True)
    for state in ("listed", "paused", "withdrawn"):
        ItemStatus.objects.create(id=uuid7(), version=1, manager_id=manager.pk, state=state, currency="KRW")
    _paid(manager, starts_in=-5 * DAY)
    _paid(manager, starts_in=-5 * DAY, refunded=4_000)
    _paid(manager, starts_in=-9 * DAY, state="cancelled", refunded=10_000)
    _paid(manager, starts_in=-60 * DAY)
    _paid(manager, starts_in=-5 * DAY, paid=50, currency="USD")
    _paid(other, starts_in=-5 * DAY)

    figures = _open(manager).context["figures"]

    assert (figures["income"], figures["rentals"]) == (["₩16,000", "50 USD"], 3)
    assert figures["utilisation"] == "5%"  # 3 of 2 × 29 days and what has passed of today
    assert [bar["count"] for bar in figures["chart"]["bars"] if bar["count"]] == [3]
    assert _open(UserFactory(operator=True)).context["figures"] is None


@pytest.mark.parametrize(("part", "said"), [(0.0, "0%"), (0.003, "under 1%"), (0.006, "1%"), (1.0, "100%")])
def test_a_share_of_something_is_not_0_percent(part: float, said: str) -> None:
    assert str(today.say_share(part=part)) == said


def test_while_the_status_view_is_away_the_work_is_shown() -> None:
    manager: Any = UserFactory(item_manager=True)
    rental = RentalFactory(manager_id=manager.pk, state="paid", item_name="캠핑 의자")

    with refused_statements("status_view_"):
        today_page = _open(manager)
        client = Client(headers={"accept-language": "en"})
        client.force_login(manager)
        rental_page = client.get(f"/admin/rentals/rental/{rental.pk}/change/").content.decode()

    assert [row["item"] for section in today_page.context["sections"] for row in section["rows"]] == ["캠핑 의자"]
    assert "A part of this page cannot be read at the moment." in today_page.content.decode()
    assert "The timeline cannot be read at the moment." in rental_page
    assert "캠핑 의자" in rental_page


def test_a_fault_of_the_view_is_not_taken_for_an_absence() -> None:
    def refuse(_execute: Any, sql: str, *_: Any) -> Any:
        if "status_view_" in sql:
            raise ProgrammingError("no such column")
        return _execute(sql, *_)

    with connections[databases.alias_for("status_view")].execute_wrapper(refuse), pytest.raises(ProgrammingError):
        _open(UserFactory(item_manager=True))


@pytest.mark.parametrize("traits", [{"item_manager": True}, {"operator": True}])
def test_many_rentals_are_as_many_statements_as_few_and_no_section_shows_all(traits: dict[str, bool]) -> None:
    person: Any = UserFactory(**traits)
    client = Client()
    client.force_login(person)

    def make(count: int) -> None:
        for number in range(count):
            state = ("paid", "rented", "requested")[number % 3]
            RentalFactory(manager_id=person.pk, renter_id=UserFactory.create().pk if number < 30 else uuid7(), state=state)

    make(3)
    few = count_statements(lambda: client.get("/admin/"))
    make(200)
    assert few == count_statements(lambda: client.get("/admin/")) <= 12
    page: Any = client.get("/admin/")
    assert {section["key"]: len(section["rows"]) for section in page.context["sections"]} == dict.fromkeys(
        ["to_hand_over", "due_back", "unpaid"], today.ROWS
    )
    assert all(section["has_more"] for section in page.context["sections"])
    assert page.content.decode().count("<li>") < 60
