"""수입: to the won what `money_report` prints, by month, item and category, for whom it is, and at the same cost however much there is."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import connections
from django.test import Client

from apps.items.services import categories
from apps.payments.models import Payment, Posting
from apps.status_view.models import RentalStatus
from gdmarket import databases
from gdmarket.ids import uuid7
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory
from tests.statements import count_statements, refused_statements
from tests.unit.config.desk.earned import DAY, FIGURES, NOON, NOVEMBER, give_back, lend_for_two_months, open_income, pay, reported

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture(autouse=True)
def in_november() -> Any:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def manager() -> Any:
    return UserFactory(item_manager=True, display_name="김민지")


def _won(text: str) -> int:
    return int(text.replace("₩", "").replace(",", ""))


def _figures(row: dict[str, Any]) -> tuple[int, ...]:
    return (row["payments"], *(_won(row[name]) for name in FIGURES[1:]))


def test_each_month_has_to_the_won_what_money_report_prints(manager: Any) -> None:
    neighbour: Any = UserFactory(item_manager=True)
    for person in (manager, neighbour):
        lend_for_two_months(person)

    months = open_income(manager).context["months"]

    assert len(months) == 12
    assert {f"{row['month']:%Y-%m}": _figures(row) for row in months} == {
        f"{row['month']:%Y-%m}": reported(manager, f"{row['month']:%Y-%m}") for row in months
    }
    assert [_figures(row) for row in months[-2:]] == [(3, 51_345, 12_345, 9_000, 30_000), (2, 57_000, 24_000, 3_000, 30_000)]
    assert [row["income"] for row in months[-2:]] == ["₩39,000", "₩33,000"]


@pytest.mark.parametrize("period", ["", "2026", "2026-10", "2026-11"])
def test_items_and_categories_add_up_to_what_is_chosen(manager: Any, period: str) -> None:
    lend_for_two_months(manager)

    shown = open_income(manager, f"?period={period}").context

    chosen = [row for row in shown["months"] if not period or f"{row['month']:%Y-%m}".startswith(period)]
    for name in ("earned", "given_back", "income", "cash"):
        total = sum(_won(row[name]) for row in chosen)
        assert _won(shown["total"][name]) == total
        assert [sum(_won(row[name]) for row in shown[table]) for table in ("items", "categories")] == [total, total]


def test_items_and_categories_are_named_and_those_with_the_most_income_come_first(manager: Any) -> None:
    categories.create_missing_categories()
    lend_for_two_months(manager)
    categories.create_missing_categories()
    shown = open_income(manager, language="ko").context
    assert [(row["name"], row["income"]) for row in shown["items"]] == [("텐트", "₩62,000"), ("드릴", "₩10,000")]
    assert [(row["name"], row["income"]) for row in shown["categories"]] == [("캠핑", "₩62,000"), ("공구", "₩10,000")]


def test_a_month_in_which_more_was_given_back_than_paid_is_below_zero(manager: Any) -> None:
    give_back(pay(manager, at=NOVEMBER - DAY), 10_000)
    page = open_income(manager, "?period=2026-11")
    assert (page.context["total"]["income"], page.context["total"]["net"]) == ("-₩10,000", "-₩10,000")
    assert [bar["amount"] for bar in page.context["chart"]["bars"]][-2:] == [10_000, -10_000]
    assert 'class="below"' in page.content.decode()


def _rental(manager: Any, item_id: UUID, state: str, **columns: Any) -> None:
    moments = dict.fromkeys(("starts_at", "ends_at", "payment_due_at", "requested_at"), NOON)
    row = {"item_id": item_id, "renter_id": uuid7(), "manager_id": manager.pk, "currency": "KRW", "state": state}
    RentalStatus.objects.create(id=uuid7(), version=1, **row, **moments, **columns)


def test_what_is_open_today_is_apart(manager: Any) -> None:
    drill = ItemFactory(manager_id=manager.pk, name="드릴").pk
    for state in ("paid", "rented", "returned", "refunding", "cancelled"):
        _rental(manager, drill, state, price=10_000, paid=10_000, refunded=1_000)
    for state in ("requested", "paying", "expired"):
        _rental(manager, drill, state, price=5_000)
    _rental(UserFactory(item_manager=True), uuid7(), "paid", price=1, paid=1)

    shown = open_income(manager).context

    assert (shown["total"]["standing"], shown["total"]["requested"], shown["total"]["earned"]) == ("₩18,000", "₩10,000", "₩0")
    assert [(row["name"], row["standing"], row["requested"]) for row in shown["items"]] == [("드릴", "₩18,000", "₩10,000")]


def test_a_currency_is_summed_by_itself(manager: Any) -> None:
    pay(manager, amount=8_000)
    pay(manager, amount=50, currency="USD")
    won, dollars = open_income(manager).context, open_income(manager, "?currency=USD").context
    assert (won["total"]["income"], dollars["total"]["income"]) == ("₩8,000", "50 USD")
    assert [name for name, _address, _chosen in won["currencies"]] == ["KRW", "USD"]


def test_payments_whose_item_is_not_known_are_summed_too(manager: Any) -> None:
    Payment.objects.filter(id=pay(manager).id).update(item_id=None)
    shown = open_income(manager).context
    assert [(row["name"], row["income"], row["address"]) for row in shown["items"]] == [("(not known)", "₩10,000", "")]


# -- For whom ---------------------------------------------------------------------------------------------------------------------


def test_a_manager_sees_their_own_alone(manager: Any) -> None:
    other: Any = UserFactory(item_manager=True)
    pay(other, item_id=ItemFactory(manager_id=other.pk, name="남의 드릴").pk)
    page = open_income(manager)
    assert page.context["total"]["income"] == "₩0"
    assert "남의 드릴" not in page.content.decode()
    assert "No income in this time." in page.content.decode()
    assert open_income(manager, f"?manager={other.pk}").status_code == HTTPStatus.FORBIDDEN
    assert open_income(manager, f"?manager={manager.pk}").status_code == HTTPStatus.OK


def test_an_operator_chooses_a_manager(manager: Any) -> None:
    operator: Any = UserFactory(operator=True)
    UserFactory(renter=True, display_name="김민지")
    pay(manager)
    assert open_income(operator).context["managers"] == []
    assert open_income(operator, "?q=민지").context["managers"] == [("김민지", f"/admin/income/?manager={manager.pk}")]
    assert open_income(operator, f"?q={manager.email}").context["managers"][0][0] == "김민지"
    page = open_income(operator, f"?manager={manager.pk}&period=2026")
    assert page.context["total"]["income"] == "₩10,000"
    assert page.context["months"][0]["address"] == f"/admin/income/?manager={manager.pk}&period=2026-01"
    for nobody in ("x", uuid7()):
        assert open_income(operator, f"?manager={nobody}").status_code == HTTPStatus.NOT_FOUND


def test_an_operator_with_items_finds_their_own() -> None:
    both: Any = UserFactory(operator=True, item_manager=True)
    assert open_income(both).context["managers"] == [(both.display_name, f"/admin/income/?manager={both.pk}")]


@pytest.mark.parametrize("wish", ["?period=2027", "?period=2026-13", "?period=2026-12", "?period=1999", "?period=x", "?p=x", "?p=999"])
def test_an_address_that_means_nothing_shows_the_last_twelve_months(manager: Any, wish: str) -> None:
    assert open_income(manager, wish).context["period"] == "The last 12 months"


def test_an_earlier_month_is_shown_among_those_of_its_year(manager: Any) -> None:
    shown = open_income(manager, "?period=2024-02").context
    assert (shown["period"], shown["months"][0]["month"].year, len(shown["months"])) == ("February 2024", 2024, 12)


def test_a_year_that_is_not_over_has_the_months_until_now(manager: Any) -> None:
    shown = open_income(manager, "?period=2026").context
    assert [row["month"].month for row in shown["months"]] == list(range(1, 12))
    assert all(open_income(manager, row["address"].partition("/income/")[2]).context["chosen_month"] for row in shown["months"])
    with time_machine.travel("2026-01-20T03:00:00Z", tick=False):
        january = open_income(manager, "?period=2026").context
    assert (january["period"], january["chosen_month"], len(january["months"])) == ("Year 2026", None, 1)


# -- What it costs ----------------------------------------------------------------------------------------------------------------


def test_much_costs_no_more_statements_than_little_and_items_are_paged(manager: Any) -> None:
    client = Client()
    client.force_login(manager)
    lend_for_two_months(manager)
    few = count_statements(lambda: client.get("/admin/income/"))
    for number in range(60):
        pay(manager, item_id=ItemFactory(manager_id=manager.pk).pk, amount=1_000 + number)
    many = count_statements(lambda: client.get("/admin/income/"))
    assert few == many <= 10
    page: Any = client.get("/admin/income/")
    assert (len(page.context["items"]), page.context["page"].paginator.num_pages) == (50, 2)
    rest = client.get(page.context["page_after"]).context["items"]
    assert len(rest) == 12
    assert _won(page.context["items"][-1]["income"]) >= _won(rest[0]["income"])


def test_postings_are_found_by_their_manager(manager: Any) -> None:
    posted = Posting.objects.filter(payment__payee_id=manager.pk, posted_at__gte=NOVEMBER, posted_at__lt=NOON)
    with databases.transaction_for("payments"), connections[databases.alias_for("payments")].cursor() as cursor:
        if cursor.db.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        plan = posted.explain()
    assert "payee_id" in plan


@pytest.mark.parametrize(("table", "is_shown"), [("payments_posting", False), ("status_view_", True), ("items_item", True)])
def test_what_cannot_be_read_is_said_and_the_rest_is_shown(manager: Any, table: str, is_shown: bool) -> None:
    pay(manager)

    with refused_statements(table):
        page = open_income(manager)
    assert (page.status_code, page.context["income"] is not None) == (HTTPStatus.OK, is_shown)
    assert ("A part of this page" if is_shown else "The ledger cannot be read") in page.content.decode()
    if is_shown:
        assert page.context["total"]["income"] == "₩10,000"
