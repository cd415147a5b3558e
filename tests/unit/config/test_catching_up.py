"""`manage.py catch_up` fills in what an older version left out, and does nothing twice."""

from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts import facade as accounts
from apps.items.models import Item, ItemManager
from apps.items.services import register_item
from apps.payments.models import Payment
from apps.rentals.models import ListingVersion
from config import catching_up
from gdmarket import bus, clock, ids
from gdmarket.bus.models import Event
from tests.factories.accounts import UserFactory
from tests.factories.payments import PaymentFactory
from tests.factories.rentals import RentalFactory

pytestmark = pytest.mark.django_db(transaction=True)
DRILL: dict[str, Any] = {"name": "드릴", "category": "공구", "place": "성수역", "latitude": 37.5, "longitude": 127.0, "daily_price": 8_000}
NOTHING = {"categories": 0, "managers": 0, "listings": 0, "places": 0, "ends": 0, "payments": 0}


def test_what_an_older_version_left_is_made_up_for_once() -> None:
    manager: Any = UserFactory(item_manager=True)
    register_item(item_id=ids.uuid7(), manager_id=manager.id, now=clock.now(), **DRILL)
    bus.run_until_idle()
    assert catching_up.catch_up() == NOTHING
    get_user_model().objects.filter(id=manager.id).update(is_active=False)  # before it was told
    ListingVersion.objects.all().delete()
    Item.objects.update(shown_latitude=None)

    assert catching_up.catch_up() == NOTHING | {"managers": 1, "listings": 1, "places": 1}
    bus.run_until_idle()

    assert catching_up.catch_up() == NOTHING
    assert ItemManager.objects.get(manager_id=manager.id).is_suspended
    assert Event.objects.filter(type="accounts.ManagerSuspended").count() == 1


def test_payments_are_told_what_they_were_for() -> None:
    rentals = [RentalFactory() for _ in range(2)]
    for rental in (*rentals, rentals[0]):
        PaymentFactory(rental_id=rental.id, item_id=None, state="declined")
    PaymentFactory(item_id=None)  # of a rental that is not known

    assert [catching_up.catch_up()["payments"] for _ in range(2)] == [3, 0]
    assert {(row.rental_id, row.item_id) for row in Payment.objects.exclude(item_id=None)} == {(row.id, row.item_id) for row in rentals}


def test_managers_of_whom_accounts_knows_nothing_are_left_alone() -> None:
    register_item(item_id=ids.uuid7(), manager_id=ids.uuid7(), now=clock.now(), **DRILL)

    assert catching_up.catch_up()["managers"] == 0
    assert not Event.objects.filter(type__startswith="accounts.").exists()


def test_a_manager_whose_state_is_known_costs_no_statement() -> None:
    known: list[Any] = [UserFactory(item_manager=True) for _ in range(4)]
    statements = []
    for people in (known[:1], known):
        with CaptureQueriesContext(connection) as run:
            assert accounts.publish_standings(user_ids=[person.id for person in people], now=clock.now()) == 0
        statements.append(len(run))
    assert statements[0] == statements[1]


def test_a_reinstatement_that_was_not_published_is_published_once() -> None:
    manager: Any = UserFactory(item_manager=True)
    for is_active in (False, True):
        get_user_model().objects.filter(id=manager.id).update(is_active=is_active)
        assert [accounts.publish_standings(user_ids=[manager.id], now=clock.now()) for _ in range(2)] == [1, 0]
    assert Event.objects.filter(type="accounts.ManagerReinstated").count() == 1


def test_migrate_catches_up() -> None:
    register_item(item_id=ids.uuid7(), manager_id=ids.uuid7(), now=clock.now(), **DRILL)
    Item.objects.update(shown_latitude=None)

    call_command("migrate", verbosity=0)

    assert not Item.objects.filter(shown_latitude=None).exists()


def test_the_command_says_what_it_did() -> None:
    said = StringIO()
    call_command("catch_up", stdout=said)

    assert said.getvalue() == (
        "published the state of 0 managers, described 0 items, blurred 0 places, scheduled the end of 0 rentals, made 0 categories, "
        "told 0 payments their item\n"
    )
