"""The commands on a rental's page in the admin: cancel, a return that is booked in late, and one that is undone."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings as configured
from django.test import Client
from django.urls import reverse

from apps.items import services as items
from apps.items.models import Item
from apps.rentals.models import Rental
from apps.rentals.services import lending, requesting
from gdmarket import breaker, bus, clock
from gdmarket.ids import uuid7
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

PLACE: dict[str, Any] = {"category": "공구", "daily_price": 8_000, "latitude": 37.5, "longitude": 127.0, "place": "성수역"}
LATER = timedelta(hours=25)


@pytest.fixture(autouse=True)
def working_provider() -> None:
    breaker.reset()


@pytest.fixture
def manager() -> Any:
    return UserFactory(item_manager=True)


@pytest.fixture
def rental(manager: Any) -> Rental:
    """Return a paid rental of the manager's drill, which begins now."""
    now = clock.now()
    item = items.register_item(item_id=uuid7(), manager_id=manager.pk, name="드릴", now=now, **PLACE)
    bus.run_until_idle()
    rental_id, renter = uuid7(), UserFactory(renter=True)
    requesting.request_rental(rental_id=rental_id, item_id=item.pk, renter_id=renter.pk, method="pm_ok", now=now)
    bus.run_until_idle()
    return Rental.objects.get(id=rental_id)


def browser(person: Any) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(person)
    return client


def address(rental: Rental, command: str) -> str:
    return reverse(f"admin:rentals_rental_{command}", args=[rental.pk])


def page(rental: Rental) -> str:
    return reverse("admin:rentals_rental_change", args=[rental.pk])


@pytest.mark.parametrize("who", ["manager", "operator"])
def test_who_runs_the_shop_or_the_market_cancels_on_the_rentals_page(manager: Any, rental: Rental, who: str) -> None:
    client = browser(manager if who == "manager" else UserFactory(operator=True))
    assert address(rental, "cancel") in client.get(page(rental)).content.decode()
    assert "reason" in client.get(address(rental, "cancel")).content.decode()

    answer = client.post(address(rental, "cancel"), {"reason": "The drill is broken.\r\nSorry!"})
    bus.run_until_idle()

    assert answer["Location"] == page(rental)
    rental.refresh_from_db()
    assert (rental.state, rental.cancelled_by, rental.cancel_reason) == ("cancelled", who, "The drill is broken.\nSorry!")
    shown = client.get(page(rental)).content.decode()
    assert "The drill is broken.<br>Sorry!" in shown


def test_a_no_show_is_cancelled_with_a_reason_alone(manager: Any, rental: Rental) -> None:
    lending.end_period(rental_id=rental.pk, now=clock.now() + LATER)
    bus.run_until_idle()
    client = browser(manager)
    Rental.objects.filter(pk=rental.pk).update(starts_at=clock.now() - LATER, ends_at=clock.now())

    refused = client.post(address(rental, "cancel"), {"reason": ""})
    assert "needs a reason" in refused.content.decode()
    assert Rental.objects.get(pk=rental.pk).state == "no_show"

    client.post(address(rental, "cancel"), {"reason": "We were shut."})
    bus.run_until_idle()
    assert Rental.objects.get(pk=rental.pk).state == "cancelled"
    assert Item.objects.get().availability == "available"


def test_a_late_return_is_stated_in_the_time_of_the_market(manager: Any, rental: Rental) -> None:
    handed_over_at = clock.now() - timedelta(hours=3)
    lending.hand_over(rental_id=rental.pk, by=manager.pk, now=handed_over_at)
    back = (handed_over_at + timedelta(hours=1)).replace(microsecond=0)
    stated = back.astimezone(ZoneInfo(configured.GDMARKET_TIME_ZONE)).strftime("%Y-%m-%dT%H:%M:%S")

    assert "datetime-local" in browser(manager).get(address(rental, "take-back-late")).content.decode()
    browser(manager).post(address(rental, "take-back-late"), {"returned_at": stated})

    rental.refresh_from_db()
    assert (rental.state, rental.returned_at) == ("returned", back)


def test_a_return_is_undone_on_the_page_while_it_can_be(manager: Any, rental: Rental) -> None:
    lending.hand_over(rental_id=rental.pk, by=manager.pk, now=clock.now())
    lending.take_back(rental_id=rental.pk, by=manager.pk, now=clock.now())
    client = browser(manager)
    assert address(rental, "undo-return") in client.get(page(rental)).content.decode()

    client.post(address(rental, "undo-return"))

    rental.refresh_from_db()
    assert (rental.state, rental.closed_at) == ("rented", None)
    lending.take_back(rental_id=rental.pk, by=manager.pk, now=clock.now() - timedelta(minutes=16))
    assert address(rental, "undo-return") not in client.get(page(rental)).content.decode()


@pytest.mark.parametrize("command", ["cancel", "take-back-late", "undo-return"])
def test_nobody_else_may(rental: Rental, command: str) -> None:
    for person in (UserFactory(item_manager=True), UserFactory(renter=True)):
        answer = browser(person).post(address(rental, command), {"reason": "so", "returned_at": "2026-05-01T09:00"})
        assert answer.status_code in {302, 403}
    assert Rental.objects.get().state == "paid"


def test_the_markets_own_reasons_are_read_in_the_readers_language(rental: Rental, manager: Any) -> None:
    Rental.objects.update(state="cancelled", cancelled_by="renter", cancel_reason="no_hold_left")
    korean = Client(headers={"accept-language": "ko"})
    korean.force_login(manager)

    assert "더는 결제 없이 잡아 둘 수 없음" in korean.get(page(rental)).content.decode()
    assert "may not be held unpaid any longer" in browser(manager).get(page(rental)).content.decode()


def test_the_page_before_a_cancel_says_whose_rental_it_is_and_what_goes_back(manager: Any, rental: Rental) -> None:
    shown = browser(manager).get(address(rental, "cancel")).content.decode()
    for told in (
        "드릴",
        "₩8,000, to the renter",
        configured.GDMARKET_TIME_ZONE,
        "Optional.",
        'value="Cancel the rental"',
        "Back to the rental",
    ):
        assert told in shown, told

    Rental.objects.update(starts_at=clock.now() - LATER, ends_at=clock.now())
    assert "Required, as the period is over." in browser(manager).get(address(rental, "cancel")).content.decode()


def test_the_page_of_a_late_return_says_when_the_item_was_handed_over(manager: Any, rental: Rental) -> None:
    lending.hand_over(rental_id=rental.pk, by=manager.pk, now=clock.now())
    shown = browser(manager).get(address(rental, "take-back-late")).content.decode()
    for told in ("Handed over at", configured.GDMARKET_TIME_ZONE, "Nothing: the price stays as it is.", 'value="Record the return"'):
        assert told in shown, told


def test_the_page_of_a_rental_says_how_it_ended_once_it_has(manager: Any, rental: Rental) -> None:
    assert "How it ended" not in browser(manager).get(page(rental)).content.decode()
    assert "deposit: ₩0" in browser(manager).get(page(rental)).content.decode()
    browser(manager).post(address(rental, "cancel"), {"reason": "It is broken."})
    bus.run_until_idle()

    shown = browser(manager).get(page(rental)).content.decode()
    assert "How it ended" in shown
    assert "cancel requested" not in shown.lower()


def test_the_history_names_a_command_and_its_reason_in_the_readers_language(manager: Any, rental: Rental) -> None:
    browser(manager).post(address(rental, "cancel"), {"reason": "고장 났어요."})
    history = reverse("admin:rentals_rental_history", args=[rental.pk])
    assert "Cancel the rental: 고장 났어요." in browser(manager).get(history).content.decode()
    korean = Client(headers={"accept-language": "ko"})
    korean.force_login(manager)
    assert "대여 취소: 고장 났어요." in korean.get(history).content.decode()
