"""The web admin as a whole: who sees what, in which language, and what is to be done today."""

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from apps.items import services as items
from apps.items.models import Item, PickupPlace
from apps.items.services import places
from apps.rentals.models import Block, Rental
from apps.rentals.services import blocking, lending, paying, requesting
from gdmarket import bus, clock
from gdmarket.ids import uuid7
from tests.factories.accounts import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

SCREENS = sorted(admin.site._registry, key=lambda model: model._meta.label)
MANAGERS_OWN = {"items.Item", "items.PickupPlace", "rentals.Rental", "rentals.Block"}
DAY = timedelta(days=1)


@dataclass(kw_only=True)
class Shop:
    """A manager, and rentals of the manager's items."""

    manager: Any
    renter: Any

    @property
    def screens(self) -> Client:
        """Return a browser in which the manager is signed in."""
        client = Client(headers={"accept-language": "en"})
        client.force_login(self.manager)
        return client

    def lend(self, name: str, *, paid: bool = False, out: bool = False, starts_in: timedelta = timedelta()) -> Rental:
        """Register an item, block a day of it that is far off, and take it through a rental."""
        now = clock.now()
        details: dict[str, Any] = {"category": "공구", "daily_price": 8_000, "latitude": 37.5, "longitude": 127.0, "place": "성수역"}
        item = items.register_item(item_id=uuid7(), manager_id=self.manager.pk, name=name, description="", deposit=0, now=now, **details)
        places.add_place(place_id=uuid7(), manager_id=self.manager.pk, now=now, name=name, latitude=37.5, longitude=127.0)
        bus.run_until_idle()
        far_off = now + 90 * DAY
        blocking.block_period(block_id=uuid7(), item_id=item.pk, by=self.manager.pk, starts_at=far_off, ends_at=far_off + DAY, now=now)
        starts_at = now + starts_in
        rental = requesting.request_rental(
            rental_id=uuid7(), item_id=item.pk, renter_id=self.renter.pk, starts_at=starts_at, ends_at=starts_at + DAY, now=now
        )
        if paid or out:
            paying.pay_rental(rental_id=rental.pk, by=self.renter.pk, method="pm_ok", operation_id=uuid7(), now=now)
        if out:
            lending.hand_over(rental_id=rental.pk, by=self.manager.pk, now=now)
        bus.run_until_idle()
        return Rental.objects.get(pk=rental.pk)


@pytest.fixture
def shop() -> Shop:
    return Shop(manager=UserFactory(item_manager=True), renter=UserFactory(renter=True))


@pytest.fixture
def neighbour() -> Shop:
    return Shop(manager=UserFactory(item_manager=True), renter=UserFactory(renter=True))


def _list(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def _page(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


# -- Who gets in ------------------------------------------------------------------------------------------------------------------


def _sign_in(person: Any, password: str = PASSWORD) -> Any:
    return Client(headers={"accept-language": "en"}).post("/admin/login/?next=/admin/", {"username": person.email, "password": password})


@pytest.mark.parametrize("traits", [{"item_manager": True}, {"operator": True}])
def test_item_managers_and_operators_sign_in_with_their_password(traits: dict[str, bool]) -> None:
    answer = _sign_in(UserFactory(**traits))
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_a_renter_cannot_enter_and_learns_why() -> None:
    answer = _sign_in(UserFactory(renter=True))
    assert answer.status_code == HTTPStatus.OK
    assert "Only item managers and operators" in answer.content.decode()


def test_a_wrong_password_tells_nothing_of_the_person() -> None:
    shown = [
        str(_sign_in(person, password).context["form"].non_field_errors())
        for person, password in [
            (UserFactory(item_manager=True), "wrong"),
            (UserFactory(renter=True), "wrong"),
            (UserFactory(item_manager=True, is_active=False), PASSWORD),
        ]
    ]
    assert len(set(shown)) == 1
    assert "E-mail address or password is wrong." in shown[0]


def test_wrong_passwords_tire_the_admin_as_they_tire_the_api() -> None:
    person = UserFactory(item_manager=True)
    for _ in range(10):
        _sign_in(person, "wrong")

    refused = _sign_in(person)

    assert refused.status_code == HTTPStatus.OK
    assert "Too many wrong passwords" in str(refused.context["form"].non_field_errors())


def test_whoever_guesses_at_the_same_address_does_not_lock_a_known_browser_out() -> None:
    person: Any = UserFactory(operator=True)
    signed_in, browser = _sign_in(person), Client(headers={"accept-language": "en"})
    cookie = signed_in.cookies["gdmarket_device"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/admin/", True, "Lax")
    for _ in range(6):
        answer = _sign_in(person, "wrong")
        assert "gdmarket_device" not in answer.cookies

    assert _sign_in(person).status_code == HTTPStatus.OK
    browser.cookies["gdmarket_device"] = cookie.value
    again = browser.post("/admin/login/?next=/admin/", {"username": person.email, "password": PASSWORD})
    assert (again.status_code, again.cookies["gdmarket_device"].value) == (HTTPStatus.FOUND, cookie.value)


@pytest.mark.parametrize("model", SCREENS, ids=lambda model: model._meta.label)
def test_nobody_but_managers_and_operators_has_screens(model: type[Model], shop: Shop) -> None:
    renter = Client()
    renter.force_login(shop.renter)
    for visitor in (Client(), renter):
        assert visitor.get(_list(model))["Location"] == f"/admin/login/?next={_list(model)}"


@pytest.mark.parametrize("model", SCREENS, ids=lambda model: model._meta.label)
def test_a_manager_sees_own_rows_alone(model: type[Model], shop: Shop, neighbour: Shop) -> None:
    own, others = shop.lend("나의 드릴", out=True), neighbour.lend("남의 드릴", out=True)
    answer = shop.screens.get(_list(model))
    if model._meta.label not in MANAGERS_OWN:
        assert answer.status_code == HTTPStatus.FORBIDDEN
        assert all(shop.screens.get(_page(row)).status_code == HTTPStatus.FORBIDDEN for row in model._default_manager.all())
        return
    assert "나의 드릴" in answer.content.decode()
    assert "남의 드릴" not in answer.content.decode()
    mine = {own.id, own.item_id, *PickupPlace.objects.filter(manager_id=shop.manager.pk).values_list("id", flat=True)}
    mine |= set(Block.objects.filter(manager_id=shop.manager.pk).values_list("id", flat=True))
    for row in model._default_manager.all():
        shown = shop.screens.get(_page(row))
        assert (shown.status_code == HTTPStatus.OK) == (row.pk in mine), (row, others)


@pytest.mark.parametrize("model", SCREENS, ids=lambda model: model._meta.label)
def test_an_operator_sees_every_row(model: type[Model], shop: Shop, neighbour: Shop) -> None:
    shop.lend("나의 드릴", out=True)
    neighbour.lend("남의 드릴", out=True)
    operator = Client()
    operator.force_login(UserFactory(operator=True))
    shown = operator.get(_list(model))
    assert shown.context["cl"].result_count == model._default_manager.count()
    assert all(operator.get(_page(row)).status_code == HTTPStatus.OK for row in model._default_manager.all())


# -- Handing over and taking back -------------------------------------------------------------------------------------------------


def _command(rental: Rental, command: str) -> str:
    return reverse(f"admin:rentals_rental_{command}", args=[rental.pk])


def test_a_manager_hands_over_and_takes_back_on_the_rentals_own_page(shop: Shop) -> None:
    rental = shop.lend("드릴", paid=True)
    assert f'href="{_command(rental, "hand-over")}"' in shop.screens.get(_page(rental)).content.decode()
    answer = shop.screens.post(_command(rental, "hand-over"))
    assert answer["Location"] == _page(rental)
    rental.refresh_from_db()
    assert rental.state == "rented"
    assert f'href="{_command(rental, "take-back")}"' in shop.screens.get(_page(rental)).content.decode()
    shop.screens.post(_command(rental, "take-back"))
    bus.run_until_idle()
    rental.refresh_from_db()
    assert (rental.state, Item.objects.get().availability) == ("returned", "available")


@pytest.mark.parametrize("asked_on", ["/admin/", "/admin/rentals/rental/?work_queue=to_hand_over"])
def test_a_manager_hands_over_today_or_in_the_list_and_stays_there(shop: Shop, asked_on: str) -> None:
    rental = shop.lend("드릴", paid=True)
    assert f'action="{_command(rental, "hand-over")}"' in shop.screens.get(asked_on).content.decode()
    answer = shop.screens.post(_command(rental, "hand-over"), headers={"referer": f"http://testserver{asked_on}"})
    assert answer["Location"] == f"http://testserver{asked_on}"
    rental.refresh_from_db()
    assert rental.state == "rented"


def test_nobody_is_sent_to_another_site(shop: Shop) -> None:
    rental = shop.lend("드릴", paid=True)
    answer = shop.screens.post(_command(rental, "hand-over"), headers={"referer": "https://elsewhere.example/"})
    assert answer["Location"] == _page(rental)


def test_nobody_hands_over_what_is_anothers_or_by_following_a_link(shop: Shop, neighbour: Shop) -> None:
    rental = shop.lend("드릴", paid=True)
    assert neighbour.screens.post(_command(rental, "hand-over")).status_code == HTTPStatus.FORBIDDEN
    assert "What will change" in shop.screens.get(_command(rental, "hand-over")).content.decode()
    rental.refresh_from_db()
    assert rental.state == "paid"


def test_what_is_not_paid_is_not_handed_over(shop: Shop) -> None:
    rental = shop.lend("드릴")
    answer = shop.screens.post(_command(rental, "hand-over"), follow=True)
    assert "it is not paid yet" in answer.content.decode()
    rental.refresh_from_db()
    assert (rental.state, rental.handed_over_at) == ("requested", None)


# -- What nobody sends by hand ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/admin/items/item/?state__exact=%00", "/admin/rentals/rental/?q=%00", "/admin/r/7/%00/"])
def test_an_address_with_nul_in_it_is_refused(address: str, shop: Shop) -> None:
    assert shop.screens.get(address).status_code == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(("list_path", "action"), [("/admin/items/item/", "withdraw"), ("/admin/rentals/rental/", "hand_over_chosen")])
def test_an_action_on_what_is_no_id_changes_nothing(list_path: str, action: str, shop: Shop) -> None:
    answer = shop.screens.post(list_path, {"action": action, "_selected_action": "x"})
    assert answer.status_code == HTTPStatus.FOUND
