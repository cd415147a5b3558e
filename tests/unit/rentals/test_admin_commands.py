"""The page before a command on a rental: what will change, what is unusual, and what goes back to the won."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils.timezone import localtime

from apps.items import services as items
from apps.payments.models import Refund
from apps.payments.services import refunding
from apps.rentals.admin.commands import read_history
from apps.rentals.models import Guest, Rental
from apps.rentals.services import lending, requesting, walk_in
from gdmarket import breaker, bus, clock
from gdmarket.ids import uuid7
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

PLACE: dict[str, Any] = {"category": "공구", "daily_price": 8_000, "latitude": 37.5, "longitude": 127.0, "place": "성수역"}
SEOUL = ZoneInfo("Asia/Seoul")  # settings.GDMARKET_TIME_ZONE
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@pytest.fixture(autouse=True)
def working_provider() -> None:
    breaker.reset()


@pytest.fixture
def manager() -> Any:
    return UserFactory(item_manager=True)


def paid(manager: Any, *, starts_in: timedelta = timedelta(), deposit: int = 0) -> Rental:
    """Return a paid rental of the manager's drill for a day."""
    now = clock.now()
    item = items.register_item(item_id=uuid7(), manager_id=manager.pk, name="드릴", deposit=deposit, now=now, **PLACE)
    bus.run_until_idle()
    rental_id, renter = uuid7(), UserFactory(renter=True, email="neighbour@example.com", display_name="박이웃")
    period: dict[str, Any] = {"starts_at": now + starts_in, "ends_at": now + starts_in + DAY} if starts_in else {}
    requesting.request_rental(rental_id=rental_id, item_id=item.pk, renter_id=renter.pk, method="pm_ok", now=now, **period)
    bus.run_until_idle()
    return Rental.objects.get(id=rental_id)


def in_cash(manager: Any) -> Rental:
    """Return a walk-in of the manager's drill by a guest."""
    now, rental_id = clock.now(), uuid7()
    item = items.register_item(item_id=uuid7(), manager_id=manager.pk, name="드릴", now=now, **PLACE)
    bus.run_until_idle()
    walk_in.book_walk_in(rental_id=rental_id, item_id=item.pk, by=manager.pk, renter_name="김손님", contact="010-1234-5678", now=now)
    bus.run_until_idle()
    return Rental.objects.get(id=rental_id)


def give_back(rental: Rental, amount: int) -> None:
    operator: Any = UserFactory(operator=True)
    assert rental.payment_id
    refunding.refund_payment(
        refund_id=uuid7(), payment_id=rental.payment_id, amount=amount, reason="It was late.", by=operator.pk, now=clock.now()
    )
    bus.run_until_idle()


def browser(person: Any, language: str = "en") -> Client:
    client = Client(headers={"accept-language": language})
    client.force_login(person)
    return client


def address(rental: Rental, command: str) -> str:
    return reverse(f"admin:rentals_rental_{command}", args=[rental.pk])


def page(rental: Rental) -> str:
    return reverse("admin:rentals_rental_change", args=[rental.pk])


def test_the_page_of_a_handover_says_who_takes_what_until_when_and_what_was_paid(manager: Any) -> None:
    rental = paid(manager, deposit=30_000)
    shown = browser(manager).get(address(rental, "hand-over")).content.decode()
    for told in ("드릴", "박이웃", "neighbour@example.com", "From now on the item is with the renter.", "₩30,000, between you", "₩8,000"):
        assert told in shown, told
    assert "not its day" not in shown
    assert "이제부터 물건은 대여자에게 있습니다." in browser(manager, "ko").get(address(rental, "hand-over")).content.decode()
    assert Rental.objects.get().state == "paid"


def test_next_weeks_rental_is_not_handed_over_by_one_click(manager: Any) -> None:
    rental, client = paid(manager, starts_in=7 * DAY), browser(manager)

    asked = client.post(address(rental, "hand-over"), headers={"referer": "http://testserver/admin/"})

    begins = f"{localtime(rental.starts_at, SEOUL):%Y-%m-%d %H:%M}"
    assert f"It is not its day: the period begins on {begins}. The item is out" in asked.content.decode()
    assert f"It is to be back by {localtime(rental.ends_at, SEOUL):%Y-%m-%d %H:%M}.</li>" in asked.content.decode()
    assert Rental.objects.get().state == "paid"
    assert not LogEntry.objects.exists()
    done = client.post(address(rental, "hand-over"), {"confirmed": "yes", "before": asked.context["before"]})
    assert done["Location"] == "http://testserver/admin/"
    assert Rental.objects.get().state == "rented"


def test_what_is_over_is_not_offered_for_handover(manager: Any) -> None:
    rental, client = paid(manager), browser(manager)
    Rental.objects.update(starts_at=clock.now() - 2 * DAY, ends_at=clock.now() - DAY)

    shown = client.get(address(rental, "hand-over")).content.decode()
    assert "This cannot be done: its period is over." in shown
    assert 'type="submit" value=' not in shown
    refused = client.post(address(rental, "hand-over"), {"confirmed": "yes"}, follow=True)
    assert "to give the money back, cancel with a reason" in refused.content.decode()
    assert Rental.objects.get().state == "paid"


def test_a_command_that_somebody_was_faster_with_is_refused_in_plain_words(manager: Any) -> None:
    rental = paid(manager)
    lending.hand_over(rental_id=rental.pk, by=manager.pk, now=clock.now())
    refused = browser(manager).post(address(rental, "hand-over"), follow=True).content.decode()
    assert "드릴: it is with the renter" in refused
    korean = browser(manager, "ko").post(address(rental, "hand-over"), follow=True).content.decode()
    assert "대여자에게 나가 있습니다" in korean
    assert not LogEntry.objects.exists()


def test_a_return_says_that_it_is_late_and_can_be_undone(manager: Any) -> None:
    rental, client = paid(manager), browser(manager)
    lending.hand_over(rental_id=rental.pk, by=manager.pk, now=clock.now())
    Rental.objects.update(starts_at=clock.now() - 2 * DAY, ends_at=clock.now() - DAY)

    assert "It is back 1\u00a0day late" in client.get(address(rental, "take-back")).content.decode()
    done = client.post(address(rental, "take-back"), follow=True).content.decode()
    assert address(rental, "undo-return") in done
    assert "The item is with the renter again" in client.get(address(rental, "undo-return")).content.decode()
    assert Rental.objects.get().state == "returned"
    client.post(address(rental, "undo-return"), {"confirmed": "yes"})
    assert Rental.objects.get().state == "rented"


def test_what_goes_back_by_a_cancel_is_what_is_left_to_the_won(manager: Any) -> None:
    rental, client = paid(manager), browser(manager)
    assert "₩8,000, to the renter" in client.get(address(rental, "cancel")).content.decode()
    give_back(rental, 2_500)

    asked = client.get(address(rental, "cancel"))
    assert "₩5,500, to the renter" in asked.content.decode()
    client.post(address(rental, "cancel"), {"reason": "", "goes_back": str(asked.context["confirmation"].goes_back)})
    bus.run_until_idle()

    assert Rental.objects.get().state == "cancelled"
    assert sorted(Refund.objects.values_list("amount", flat=True)) == [2_500, 5_500]


def test_a_cancel_that_is_refused_says_nothing_of_money_going_back(manager: Any) -> None:
    rental, client = paid(manager), browser(manager)
    lending.hand_over(rental_id=rental.pk, by=manager.pk, now=clock.now() - 2 * MINUTE)
    lending.take_back(rental_id=rental.pk, by=manager.pk, now=clock.now() - MINUTE)
    refused = client.get(address(rental, "cancel")).content.decode()
    assert "This cannot be done: it is back already." in refused
    assert "What goes back" not in refused


def test_who_saw_another_sum_is_asked_again(manager: Any) -> None:
    rental, client = paid(manager), browser(manager)
    seen = client.get(address(rental, "cancel")).context["confirmation"].goes_back
    give_back(rental, 1_000)

    again = client.post(address(rental, "cancel"), {"reason": "", "goes_back": str(seen)})

    assert "Another sum goes back by now." in again.content.decode()
    assert "₩7,000, to the renter" in again.content.decode()
    assert (Rental.objects.get().state, Refund.objects.count()) == ("paid", 1)


def test_a_cancel_that_waits_for_the_provider_is_not_said_to_be_done(manager: Any) -> None:
    rental, client = paid(manager), browser(manager)
    Rental.objects.update(state="paying")
    told = client.post(address(rental, "cancel"), {"reason": ""}, follow=True).content.decode()
    assert "“드릴” is cancelled as soon as the payment provider has answered." in told
    assert "“드릴” is cancelled." not in told
    assert Rental.objects.get().state == "paying"


def test_cash_is_handed_back_at_the_desk_and_a_guests_contact_is_shown(manager: Any) -> None:
    rental = in_cash(manager)
    shown = browser(manager).get(address(rental, "cancel")).content.decode()
    for told in ("₩8,000 in cash: hand it back", "₩8,000 in cash, at the desk", "김손님", "010-1234-5678"):
        assert told in shown, told
    assert "010-1234-5678" in browser(manager).get(page(rental)).content.decode()
    Guest.objects.all().delete()
    assert browser(manager).get(page(rental)).status_code == 200


def test_the_contact_of_a_renter_is_for_the_manager_from_the_payment_on(manager: Any) -> None:
    rental = paid(manager)
    assert "neighbour@example.com" in browser(manager).get(page(rental)).content.decode()
    for state in ("requested", "paying", "cancelled", "expired"):
        Rental.objects.update(state=state)
        for shown in (page(rental), address(rental, "cancel")):
            assert "neighbour@example.com" not in browser(manager).get(shown).content.decode(), (state, shown)


@pytest.mark.parametrize("command", ["hand-over", "take-back", "take-back-late", "undo-return", "cancel"])
def test_another_manager_reads_nothing_of_it(manager: Any, command: str) -> None:
    rental = paid(manager)
    answer = browser(UserFactory(item_manager=True)).get(address(rental, command))
    assert answer.status_code in {302, 403}
    assert b"neighbour@example.com" not in answer.content


def test_an_operator_gets_from_the_rental_to_the_person_and_the_payment(manager: Any) -> None:
    rental = paid(manager)
    links = [
        reverse("admin:accounts_user_change", args=[rental.renter_id]),
        reverse("admin:payments_payment_change", args=[rental.payment_id]),
        reverse("admin:items_item_change", args=[rental.item_id]),
    ]
    for person, allowed in ((UserFactory(operator=True), links), (manager, links[2:])):
        shown = browser(person).get(page(rental)).content.decode()
        assert [link for link in links if f'href="{link}"' in shown] == allowed


def test_the_history_says_when_an_item_is_said_to_have_come_back(manager: Any) -> None:
    rental, client = paid(manager), browser(manager)
    lending.hand_over(rental_id=rental.pk, by=manager.pk, now=clock.now())
    Rental.objects.update(handed_over_at=clock.now() - 3 * MINUTE)
    client.post(address(rental, "take-back-late"), {"returned_at": "2026-05-01T09:00:00"})
    assert not LogEntry.objects.exists()
    assert read_history("take-back-late\n2026-05-01T09:00:00+00:00") == "Record an earlier return: 2026-05-01 09:00"
    back = (clock.now() - MINUTE).replace(microsecond=0)
    client.post(address(rental, "take-back-late"), {"returned_at": f"{localtime(back, SEOUL):%Y-%m-%dT%H:%M:%S}"})
    assert Rental.objects.get().returned_at == back
    history = client.get(reverse("admin:rentals_rental_history", args=[rental.pk])).content.decode()
    assert f"Record an earlier return: {localtime(back, SEOUL):%Y-%m-%d %H:%M}" in history


def test_the_history_shows_a_manager_who_did_it_and_no_address_of_an_operator(manager: Any) -> None:
    rental, operator = paid(manager), UserFactory(operator=True, display_name="운영이", email="desk@example.com")
    browser(operator).post(address(rental, "hand-over"))
    history = reverse("admin:rentals_rental_history", args=[rental.pk])
    shown = browser(manager).get(history).content.decode()
    assert "<strong>운영이</strong>" in shown
    assert "<p>Hand over</p>" in shown
    assert "desk@example.com" not in shown
    assert "<strong>운영이 (desk@example.com)</strong>" in browser(operator).get(history).content.decode()
