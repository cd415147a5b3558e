"""`manage.py money_report`, as an operator and a spreadsheet see it."""

import csv
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.payments.models import Payment
from apps.payments.services import ledger
from gdmarket import ids
from tests.factories.accounts import UserFactory
from tests.factories.payments import PaymentFactory, RefundFactory

pytestmark = pytest.mark.django_db(transaction=True)

# May 2026 in Seoul, which is 9 hours ahead.
MAY_BEGINS = datetime(2026, 4, 30, 15, tzinfo=UTC)
JUNE_BEGINS = datetime(2026, 5, 31, 15, tzinfo=UTC)
IN_MAY = datetime(2026, 5, 10, 3, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def report(*arguments: str) -> str:
    out = StringIO()
    call_command("money_report", *arguments, stdout=out, no_color=True)
    return out.getvalue()


def earned(manager_id: UUID | None, amount: int, *, at: datetime = IN_MAY, currency: str = "KRW", given_back: int = 0) -> Payment:
    """Let a manager earn something at a moment, and owe some of it back at the same."""
    payment: Payment = PaymentFactory(state="approved", payee_id=manager_id, amount=amount, currency=currency, created_at=at)
    if given_back:
        RefundFactory(payment=payment, amount=given_back, created_at=at)
    return payment


@pytest.fixture
def min_ji() -> UUID:
    manager: Any = UserFactory(item_manager=True, display_name="김민지")
    person_id: UUID = manager.id
    return person_id


def test_each_manager_has_a_row_the_one_who_earned_most_first(min_ji: UUID) -> None:
    other = UserFactory(item_manager=True, display_name="Ann")
    earned(min_ji, 8_000)
    earned(min_ji, 12_000, given_back=3_000)
    earned(other.id, 9_000)

    lines = report("--month", "2026-05").splitlines()

    assert lines[0].split() == ["manager", "id", "payments", "earned", "given", "back", "to", "pay", "out", "2026-05"]
    assert [line.split() for line in lines[1:3]] == [
        ["김민지", str(min_ji), "2", "20,000", "3,000", "17,000", "KRW"],
        ["Ann", str(other.id), "1", "9,000", "0", "9,000", "KRW"],
    ]
    assert [" ".join(line.split()) for line in lines[3:]] == [
        "manager_payable credit 26,000 KRW",
        "provider_clearing debit 29,000 KRW",
        "refunds credit 3,000 KRW",
        "renter_receivable debit 0 KRW",
    ]


def test_as_json_it_is_one_document(min_ji: UUID) -> None:
    earned(min_ji, 8_000, given_back=1_000)
    assert json.loads(report("--month", "2026-05", "--json")) == {
        "month": "2026-05",
        "managers": [
            {
                "manager": "김민지",
                "manager_id": str(min_ji),
                "currency": "KRW",
                "payments": 1,
                "earned": 8_000,
                "given_back": 1_000,
                "net": 7_000,
            }
        ],
        "balances": [
            {"account": "manager_payable", "currency": "KRW", "balance": -7_000},
            {"account": "provider_clearing", "currency": "KRW", "balance": 8_000},
            {"account": "refunds", "currency": "KRW", "balance": -1_000},
            {"account": "renter_receivable", "currency": "KRW", "balance": 0},
        ],
    }


def test_as_csv_a_spreadsheet_reads_it(min_ji: UUID) -> None:
    earned(min_ji, 8_000, given_back=1_000)
    assert report("--month", "2026-05", "--csv").splitlines() == [
        "manager,manager_id,currency,payments,earned,given_back,net",
        f"김민지,{min_ji},KRW,1,8000,1000,7000",
    ]


@pytest.mark.parametrize("name", ["=1+1", "+82", "-2", "@SUM(A1)", "\tx", "\rx"])
def test_a_name_becomes_no_formula_in_a_spreadsheet(name: str) -> None:
    earned(UserFactory(display_name=name).id, 8_000)
    (row,) = csv.DictReader(StringIO(report("--month", "2026-05", "--csv"), newline=""))
    assert (row["manager"], row["net"]) == (f"'{name}", "8000")


def test_a_sum_below_0_stays_a_number_for_a_spreadsheet(min_ji: UUID) -> None:
    RefundFactory(payment=earned(min_ji, 8_000, at=MAY_BEGINS - MOMENT), amount=5_000, created_at=IN_MAY)
    (row,) = csv.DictReader(StringIO(report("--month", "2026-05", "--csv")))
    assert (row["payments"], row["earned"], row["given_back"], row["net"]) == ("0", "0", "5000", "-5000")


def test_a_month_is_one_of_seoul(min_ji: UUID) -> None:
    for at, amount in ((MAY_BEGINS - MOMENT, 1), (MAY_BEGINS, 20), (JUNE_BEGINS - MOMENT, 300), (JUNE_BEGINS, 4_000)):
        earned(min_ji, amount, at=at)
    sums = {
        month: [line["earned"] for line in json.loads(report("--month", month, "--json"))["managers"]]
        for month in ("2026-04", "2026-05", "2026-06", "2026-07")
    }
    assert sums == {"2026-04": [1], "2026-05": [320], "2026-06": [4_000], "2026-07": []}


def test_the_last_month_of_a_year_ends_with_the_year(min_ji: UUID) -> None:
    earned(min_ji, 8_000, at=datetime(2026, 12, 31, 14, 59, tzinfo=UTC))
    earned(min_ji, 9_000, at=datetime(2026, 12, 31, 15, tzinfo=UTC))
    assert [line["earned"] for line in json.loads(report("--month", "2026-12", "--json"))["managers"]] == [8_000]


def test_without_a_month_it_is_this_one_in_seoul(min_ji: UUID, pass_time: Any) -> None:
    now = pass_time(seconds=0)
    earned(min_ji, 8_000, at=now)
    document = json.loads(report("--json"))
    assert document["month"] == f"{now + timedelta(hours=9):%Y-%m}"
    assert [line["earned"] for line in document["managers"]] == [8_000]


def test_of_an_empty_month_it_says_so(min_ji: UUID) -> None:
    earned(min_ji, 8_000)
    said = report("--month", "2026-06").splitlines()
    assert said[0] == "Nothing was earned in 2026-06."
    assert len(said) == 4
    assert json.loads(report("--month", "2026-06", "--json"))["managers"] == []
    assert report("--month", "2026-06", "--csv").splitlines() == ["manager,manager_id,currency,payments,earned,given_back,net"]


def test_with_no_money_at_all_there_is_one_sentence() -> None:
    assert report("--month", "2026-05") == "Nothing was earned in 2026-05.\n"


def test_each_currency_has_a_row_of_its_own(min_ji: UUID) -> None:
    earned(min_ji, 8_000)
    earned(min_ji, 700, currency="USD")
    managers = json.loads(report("--month", "2026-05", "--json"))["managers"]
    assert {line["currency"]: line["earned"] for line in managers} == {"KRW": 8_000, "USD": 700}


def test_whoever_is_not_known_has_a_row_too() -> None:
    gone = ids.uuid7()
    earned(None, 8_000)
    earned(gone, 9_000)
    managers = json.loads(report("--month", "2026-05", "--json"))["managers"]
    assert {line["manager_id"]: (line["manager"], line["earned"]) for line in managers} == {
        None: ("(not known)", 8_000),
        str(gone): ("(not known)", 9_000),
    }
    assert f"{'(not known)':<30} {'-':<36} " in report("--month", "2026-05")


def test_what_was_not_charged_is_not_earned(min_ji: UUID) -> None:
    for state in ("pending", "unknown", "declined", "not_sent"):
        PaymentFactory(state=state, payee_id=min_ji, created_at=IN_MAY)
    assert report("--month", "2026-05") == "Nothing was earned in 2026-05.\n"


@pytest.mark.parametrize("month", ["2026", "2026-13", "2026-00", "may", "2026-05-01", ""])
def test_a_month_that_is_none_is_refused(month: str) -> None:
    with pytest.raises(CommandError, match=f"'{month}' is not a month, e.g. 2026-11"):
        report(f"--month={month}")


def test_it_asks_as_often_for_many_managers_as_for_one(min_ji: UUID) -> None:
    earned(min_ji, 8_000)
    with CaptureQueriesContext(connection) as of_one:
        report("--month", "2026-05")
    for _ in range(20):
        earned(UserFactory().id, 8_000)
    with CaptureQueriesContext(connection) as of_many:
        report("--month", "2026-05")
    assert len(of_many) == len(of_one)


def test_it_changes_nothing(min_ji: UUID) -> None:
    ledger.post_charge(PaymentFactory(payee_id=min_ji), now=IN_MAY)
    with CaptureQueriesContext(connection) as asked:
        report("--month", "2026-05")
    assert [query["sql"] for query in asked if not query["sql"].startswith("SELECT")] == []
