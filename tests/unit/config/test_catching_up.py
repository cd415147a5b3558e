"""`manage.py catch_up` makes up for what an older version left undone, and does nothing twice."""

from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from apps.items.models import Item, ItemManager
from apps.items.services import register_item
from apps.rentals.models import ListingVersion
from config import catching_up
from gdmarket import bus, clock, ids
from gdmarket.bus.models import Event
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
DRILL: dict[str, Any] = {"name": "드릴", "category": "공구", "place": "성수역", "latitude": 37.5, "longitude": 127.0, "daily_price": 8_000}
NOTHING = {"managers": 0, "listings": 0, "places": 0, "ends": 0}


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


def test_managers_of_whom_accounts_knows_nothing_are_left_alone() -> None:
    register_item(item_id=ids.uuid7(), manager_id=ids.uuid7(), now=clock.now(), **DRILL)

    assert catching_up.catch_up()["managers"] == 0
    assert not Event.objects.filter(type__startswith="accounts.").exists()


def test_migrate_catches_up() -> None:
    register_item(item_id=ids.uuid7(), manager_id=ids.uuid7(), now=clock.now(), **DRILL)
    Item.objects.update(shown_latitude=None)

    call_command("migrate", verbosity=0)

    assert not Item.objects.filter(shown_latitude=None).exists()


def test_the_command_says_what_it_did() -> None:
    said = StringIO()
    call_command("catch_up", stdout=said)

    assert said.getvalue() == "told of 0 managers, described 0 listings, blurred 0 places, set timers for 0 periods\n"
