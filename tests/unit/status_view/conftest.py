"""The status view alone with the bus: no other context handles the facts that a test makes up."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as configured
from django.utils.module_loading import import_string

from gdmarket import bus
from gdmarket.bus import registry, subscriptions
from gdmarket.bus.models import Subscription
from tests.unit.status_view.facts import record, rows, whole_market


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
