"""The status view as the only subscriber to the facts that a test makes, and people who read it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as configured
from django.utils.module_loading import import_string
from rest_framework.test import APIClient

from apps.items.events import ItemRegistered
from apps.rentals.events import RentalRequested
from gdmarket import bus, ids
from gdmarket.bus import registry, subscriptions
from gdmarket.bus.models import Subscription
from tests.factories.accounts import UserFactory
from tests.unit.status_view.facts import ItemFacts, RentalFacts, deliver, record, rows, whole_market

ITEMS = "/api/v1/status/items"
RENTALS = "/api/v1/status/rentals"
AsUser = Callable[[Any], APIClient]


@pytest.fixture
def only_status_view(transactional_db: None, settings: Any) -> Iterator[None]:
    """Let the status view be the only subscriber, with deliveries made by the test."""
    settings.GDMARKET_DISPATCH = "off"
    everybody = import_string(configured.GDMARKET_SUBSCRIPTIONS)
    ours = {
        event: [handler for handler in heard_by if handler.__module__ == "apps.status_view.handlers"]
        for event, heard_by in everybody.items()
    }
    Subscription.objects.all().delete()
    registry.connect(ours)
    subscriptions.write_subscriptions()
    yield
    registry.connect(everybody)


@pytest.fixture
def market(only_status_view: None) -> dict[str, Any]:
    """Return the rows of a market whose facts were all delivered."""
    record(*whole_market())
    bus.run_until_idle()
    return rows()


class Neighbourhood:
    """A manager with a drill, a renter who requested it, and another manager and renter."""

    def __init__(self, as_user: AsUser) -> None:
        self.manager_user, self.renter_user = UserFactory(item_manager=True), UserFactory()
        self.manager, self.renter = as_user(self.manager_user), as_user(self.renter_user)
        self.other_manager, self.other_renter = as_user(UserFactory(item_manager=True)), as_user(UserFactory())
        self.item = ItemFacts(manager_id=self.manager_user.pk)
        self.rental = RentalFacts(self.item, renter_id=self.renter_user.pk)
        self.payment_id = ids.uuid7()
        deliver(self.item.then(ItemRegistered), self.rental.then(RentalRequested))

    @property
    def its_item(self) -> str:
        return f"{ITEMS}/{self.item.id}"

    @property
    def its_rental(self) -> str:
        return f"{RENTALS}/{self.rental.id}"


@pytest.fixture
def place(as_user: AsUser) -> Neighbourhood:
    return Neighbourhood(as_user)
