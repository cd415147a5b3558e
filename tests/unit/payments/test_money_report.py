"""`manage.py money_report`, as an operator and a spreadsheet see it."""

import codecs
import csv
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.payments.models import Payment
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
    """Record an approved payment, and a refund due of `given_back` of it."""
    payment: Payment = PaymentFactory(state="approved", payee_id=manager_id, amount=amount, currency=currency, created_at=at)
    if given_back:
        RefundFactory(payment=payment, amount=given_back, created_at=at)
    return payment


@pytest.fixture
def min_ji() -> UUID:
    manager: Any = UserFactory(item_manager=True, display_name="김민지")
    person_id: UUID = manager.id
    return person_id


def test_each_manager_has_a_row_and_the_highest_earner_is_first(min_ji: UUID) -> None:
    other = UserFactory(item_manager=True, display_name="Ann")
    earned(min_ji, 8_000)
    earned(min_ji, 12_000, given_back=3_000)
    earned(other.id, 9_000)

    lines = report("--month", "2026-05").splitlines()

    assert lines[0].split() == ["manager", "id", "payments", "earned", "given", "back", "in", "cash", "to", "pay", "out", "2026-05"]
    assert [line.split() for line in lines[1:3]] == [
        ["김민지", str(min_ji), "2", "20,000", "3,000", "0", "17,000", "KRW"],
        ["Ann", str(other.id), "1", "9,000", "0", "0", "9,000", "KRW"],
    ]
    assert [" ".join(line.split()) for line in lines[3:]] == [
        "manager_payable credit 26,000 KRW",
        "provider_clearing debit 29,000 KRW",
        "refunds credit 3,000 KRW",
        "renter_receivable debit 0 KRW",
    ]


def test_json_is_one_document(min_ji: UUID) -> None:
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
                "cash": 0,
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


def read_csv() -> str:
    """Return the report of May without the mark that it must begin with."""
    text = report("--month", "2026-05", "--csv")
    assert text.startswith("\ufeff")
    return text.removeprefix("\ufeff")


def test_csv_opens_in_excel_with_korean_names(min_ji: UUID, tmp_path: Path) -> None:
    earned(min_ji, 8_000)
    file = tmp_path / "report.csv"
    file.write_text(report("--month", "2026-05", "--csv"), encoding="utf-8", newline="")
    assert file.read_bytes().startswith(codecs.BOM_UTF8 + b"manager,")
    with file.open(encoding="utf-8-sig", newline="") as table:
        assert next(csv.DictReader(table))["manager"] == "김민지"


def test_csv_has_a_header_and_a_row_for_each_manager(min_ji: UUID) -> None:
    header = "manager,manager_id,currency,payments,earned,given_back,cash,net"
    assert read_csv().splitlines() == [header]
    earned(min_ji, 8_000, given_back=1_000)
    assert read_csv().splitlines() == [header, f"김민지,{min_ji},KRW,1,8000,1000,0,7000"]


@pytest.mark.parametrize("name", ["=1+1", "+82", "-2", "@SUM(A1)", "\tx", "\rx", "＝1+1", "＠SUM(A1)", " =1+1", "\u3000=1+1"])
def test_csv_escapes_names_that_would_be_formulas(name: str) -> None:
    earned(UserFactory(display_name=name).id, 8_000)
    (row,) = csv.DictReader(StringIO(read_csv(), newline=""))
    assert (row["manager"], row["net"]) == (f"'{name}", "8000")


def test_csv_does_not_escape_negative_sums(min_ji: UUID) -> None:
    RefundFactory(payment=earned(min_ji, 8_000, at=MAY_BEGINS - MOMENT), amount=5_000, created_at=IN_MAY)
    (row,) = csv.DictReader(StringIO(read_csv()))
    assert (row["payments"], row["earned"], row["given_back"], row["net"]) == ("0", "0", "5000", "-5000")


def test_a_month_begins_and_ends_in_seoul(min_ji: UUID) -> None:
    year_ends = datetime(2026, 12, 31, 15, tzinfo=UTC)
    for at, amount in (
        (MAY_BEGINS - MOMENT, 1),
        (MAY_BEGINS, 20),
        (JUNE_BEGINS - MOMENT, 300),
        (JUNE_BEGINS, 4_000),
        (year_ends - MOMENT, 50_000),
        (year_ends, 600_000),
    ):
        earned(min_ji, amount, at=at)
    sums = {
        month: [line["earned"] for line in json.loads(report("--month", month, "--json"))["managers"]]
        for month in ("2026-04", "2026-05", "2026-06", "2026-07", "2026-12")
    }
    assert sums == {"2026-04": [1], "2026-05": [320], "2026-06": [4_000], "2026-07": [], "2026-12": [50_000]}


def test_the_default_is_the_current_month_in_seoul(min_ji: UUID, pass_time: Any) -> None:
    now = pass_time(seconds=0)
    earned(min_ji, 8_000, at=now)
    document = json.loads(report("--json"))
    assert document["month"] == f"{now + timedelta(hours=9):%Y-%m}"
    assert [line["earned"] for line in document["managers"]] == [8_000]


def test_an_empty_month_is_one_sentence_and_the_balances(min_ji: UUID) -> None:
    assert report("--month", "2026-06") == "Nothing was earned in 2026-06.\n"
    earned(min_ji, 8_000)
    lines = report("--month", "2026-06").splitlines()
    assert (lines[0], len(lines)) == ("Nothing was earned in 2026-06.", 4)
    assert json.loads(report("--month", "2026-06", "--json"))["managers"] == []


def test_each_currency_has_its_own_row(min_ji: UUID) -> None:
    earned(min_ji, 8_000)
    earned(min_ji, 700, currency="USD")
    managers = json.loads(report("--month", "2026-05", "--json"))["managers"]
    assert {line["currency"]: line["earned"] for line in managers} == {"KRW": 8_000, "USD": 700}


def test_unknown_managers_have_a_row() -> None:
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
def test_a_malformed_month_is_refused(month: str) -> None:
    with pytest.raises(CommandError, match=f"'{month}' is not a month, e.g. 2026-11"):
        report(f"--month={month}")


def test_the_number_of_queries_does_not_depend_on_the_number_of_managers(min_ji: UUID) -> None:
    earned(min_ji, 8_000)
    with CaptureQueriesContext(connection) as of_one:
        report("--month", "2026-05")
    for _ in range(20):
        earned(UserFactory().id, 8_000)
    with CaptureQueriesContext(connection) as of_many:
        report("--month", "2026-05")
    assert len(of_many) == len(of_one)
