"""A command on several rentals: it is said before what will change and what is left as it is, and why."""

import re
from collections import defaultdict
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import localtime

from apps.rentals.models import Listing, Rental
from gdmarket import breaker, bus, clock, databases
from gdmarket.ids import uuid7
from tests.factories.accounts import UserFactory
from tests.factories.payments import PaymentFactory
from tests.factories.rentals import RentalFactory

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

LIST = "/admin/rentals/rental/"
SEOUL = ZoneInfo("Asia/Seoul")  # settings.GDMARKET_TIME_ZONE
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def working_provider() -> None:
    breaker.reset()


@pytest.fixture
def manager() -> Any:
    return UserFactory(item_manager=True)


def make(manager: Any, name: str, state: str = "paid", **columns: Any) -> Rental:
    rental: Rental = RentalFactory(manager_id=manager.pk, item_name=name, state=state, **columns)
    Listing.objects.create(item_id=rental.item_id, manager_id=manager.pk, name=name, daily_price=8_000, currency="KRW", version=1)
    return rental


def browser(person: Any, language: str = "en") -> Client:
    client = Client(headers={"accept-language": language})
    client.force_login(person)
    return client


def choose(client: Client, action: str, rentals: list[Rental], **form: Any) -> Any:
    return client.post(LIST, {"action": action, "_selected_action": [rental.pk for rental in rentals], **form}, follow=True)


def confirm(client: Client, asked: Any, **typed: str) -> Any:
    """Post the page as it is rendered."""
    form = asked.content.decode().rpartition('<form method="post">')[2].partition("</form>")[0]
    hidden: dict[str, list[str]] = defaultdict(list)
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form):
        hidden[name].append(value)
    return client.post(LIST, {**hidden, **typed}, follow=True)


def states() -> dict[str, str]:
    return dict(Rental.objects.values_list("item_name", "state"))


def test_the_page_says_what_is_handed_over_and_what_is_left_and_why(manager: Any) -> None:
    rentals = [
        make(manager, "today"),
        make(manager, "unpaid", "requested"),
        make(manager, "next week", starts_in=7 * DAY),
        make(manager, "out", "rented"),
        make(manager, "over", starts_in=-3 * DAY),
    ]
    client = browser(manager)

    asked = choose(client, "hand_over_chosen", rentals)

    assert [row.rental.item_name for row in asked.context["todo"]] == ["today"]
    assert {row.rental.item_name: str(row.skipped).split(":")[0] for row in asked.context["skipped"]} == {
        "unpaid": "it is not paid yet",
        "next week": "it is not its day",
        "out": "it is with the renter",
        "over": "its period is over",
    }
    assert f"the period begins on {localtime(rentals[2].starts_at, SEOUL):%Y-%m-%d %H:%M}. Its own page" in asked.content.decode()
    assert states() == {"today": "paid", "unpaid": "requested", "next week": "paid", "out": "rented", "over": "paid"}
    done = confirm(client, asked).content.decode()
    assert states() == {"today": "rented", "unpaid": "requested", "next week": "paid", "out": "rented", "over": "paid"}
    assert "1 rental is handed over." in done
    assert "Left as they are" not in done
    assert LogEntry.objects.count() == 1
    assert "아직 결제하지 않았습니다" in choose(browser(manager, "ko"), "hand_over_chosen", rentals).content.decode()


def test_what_the_page_skipped_stays_as_it_is_also_where_it_could_be_done_by_now(manager: Any) -> None:
    rentals, client = [make(manager, "today"), make(manager, "unpaid", "requested")], browser(manager)
    asked = choose(client, "hand_over_chosen", rentals)
    Rental.objects.filter(item_name="unpaid").update(state="paid", payment_id=uuid7())
    assert "1 rental is handed over." in confirm(client, asked).content.decode()
    assert states() == {"today": "rented", "unpaid": "paid"}


def test_what_can_not_be_done_any_more_is_named_with_the_reason(manager: Any) -> None:
    rentals, client = [make(manager, "drill", "rented"), make(manager, "saw", "rented")], browser(manager)
    asked = choose(client, "take_back_chosen", rentals)
    Rental.objects.filter(item_name="saw").update(state="returned", returned_at=clock.now(), closed_at=clock.now())
    done = confirm(client, asked).content.decode()
    assert "1 rental is back." in done
    assert "because it is back already: saw" in done


def test_what_is_confirmed_twice_is_done_once(manager: Any) -> None:
    rental, client = make(manager, "drill", "rented"), browser(manager)
    asked = choose(client, "take_back_chosen", [rental])
    confirm(client, asked)
    again = confirm(client, asked).content.decode()
    assert "because it is back already" in again
    assert (states(), LogEntry.objects.count()) == ({"drill": "returned"}, 1)


def test_a_cancel_of_several_says_how_much_goes_back(manager: Any) -> None:
    payments = [PaymentFactory(state="approved") for _ in range(2)]
    rentals = [make(manager, "drill", payment_id=payments[0].pk), make(manager, "saw", payment_id=payments[1].pk)]
    client = browser(manager)
    asked = choose(client, "cancel_chosen", rentals)
    assert "In all, ₩16,000 goes back." in asked.content.decode()
    confirm(client, asked, reason="We are shut.")
    bus.run_until_idle()
    assert set(Rental.objects.values_list("cancel_reason", flat=True)) == {"We are shut."}
    assert set(states().values()) <= {"refunding", "cancelled"}


def test_cash_of_several_that_are_cancelled_is_said_to_be_handed_back(manager: Any) -> None:
    payments = [PaymentFactory(state="approved") for _ in range(2)]
    rentals = [make(manager, "drill", payment_id=payments[0].pk), make(manager, "saw", payment_id=payments[1].pk, in_cash=True)]
    client = browser(manager)
    done = confirm(client, choose(client, "cancel_chosen", rentals)).content.decode()
    assert "In cash, ₩8,000 goes back: hand it to the renters at the desk." in done


def test_of_what_is_not_known_to_go_back_no_sum_is_said(manager: Any) -> None:
    payment = PaymentFactory(state="approved")
    rentals = [make(manager, "drill", payment_id=payment.pk), make(manager, "saw", "paying", payment_id=uuid7())]
    asked = choose(browser(manager), "cancel_chosen", rentals).content.decode()
    assert "₩8,000, to the renter" in asked
    assert "All that is left of what was paid" in asked
    assert "In all" not in asked


def test_a_cancel_by_which_another_sum_goes_back_by_now_is_left(manager: Any) -> None:
    rentals, client = [make(manager, "drill", "requested"), make(manager, "saw", "requested")], browser(manager)
    asked = choose(client, "cancel_chosen", rentals)
    payment = PaymentFactory(state="approved")
    Rental.objects.filter(item_name="saw").update(state="paid", payment_id=payment.pk)

    done = confirm(client, asked).content.decode()

    assert "because another sum goes back by now: saw" in done
    assert states() == {"drill": "cancelled", "saw": "paid"}
    assert LogEntry.objects.count() == 1


def test_a_cancel_that_waits_for_the_provider_is_not_said_to_be_done(manager: Any) -> None:
    rentals, client = [make(manager, "drill", "requested"), make(manager, "saw", "paying", payment_id=uuid7())], browser(manager)
    done = confirm(client, choose(client, "cancel_chosen", rentals)).content.decode()
    assert "1 rental is cancelled." in done
    assert "1 rental is cancelled as soon as the payment provider has answered." in done
    assert states() == {"drill": "cancelled", "saw": "paying"}


def test_a_cancel_of_what_is_over_needs_a_reason(manager: Any) -> None:
    rentals, client = [make(manager, "drill", "no_show", starts_in=-3 * DAY), make(manager, "saw", "requested")], browser(manager)
    refused = confirm(client, choose(client, "cancel_chosen", rentals), reason="")
    assert refused.context["form"].errors["reason"]
    assert states() == {"drill": "no_show", "saw": "requested"}


def test_what_is_anothers_is_neither_shown_nor_changed(manager: Any) -> None:
    theirs = make(UserFactory(item_manager=True), "theirs")
    answer = choose(browser(manager), "hand_over_chosen", [theirs], confirmed="yes")
    assert b"theirs" not in answer.content
    assert states() == {"theirs": "paid"}


def test_more_than_a_hundred_are_refused(manager: Any) -> None:
    now = clock.now()
    for number in range(101):
        RentalFactory(manager_id=manager.pk, item_name=str(number), state="rented", requested_at=now)
    chosen = Rental.objects.all()[:1]
    answer = choose(browser(manager), "take_back_chosen", list(chosen), select_across="1", confirmed="yes")
    assert "Choose at most 100 rentals at a time." in answer.content.decode()
    assert set(states().values()) == {"rented"}


@pytest.mark.parametrize("action", ["hand_over_chosen", "take_back_chosen", "cancel_chosen"])
def test_many_are_as_many_statements_as_few(manager: Any, action: str) -> None:
    client = browser(manager)
    rentals = [make(manager, str(number), renter_id=UserFactory.create().pk, payment_id=uuid7()) for number in range(30)]

    def statements(chosen: list[Rental]) -> int:
        captures = [CaptureQueriesContext(connections[alias]) for alias in databases.aliases()]
        for capture in captures:
            capture.__enter__()
        assert choose(client, action, chosen).status_code == 200
        for capture in captures:
            capture.__exit__(None, None, None)
        return sum(map(len, captures))

    assert statements(rentals[:2]) == statements(rentals) <= 12
