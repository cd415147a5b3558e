"""The kitchen instead of the market."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as configured
from django.db.models import F
from django.utils.module_loading import import_string

from gdmarket.bus import registry, subscriptions
from gdmarket.bus.models import Delivery, Subscription
from gdmarket.bus.registry import Handler
from tests.unit.gdmarket.bus.kitchen import drop_notebook, make_notebook

Connect = Callable[[Mapping[type, Sequence[Handler]]], None]


@pytest.fixture
def hear(transactional_db: None, settings: Any) -> Iterator[Connect]:
    """Return what makes these handlers the only ones; nothing is delivered at once, a test drains when it means to."""
    settings.GDMARKET_DISPATCH = "off"

    def connect(handlers: Mapping[type, Sequence[Handler]]) -> None:
        registry.connect(handlers)
        subscriptions.write_subscriptions()

    Subscription.objects.all().delete()
    make_notebook()
    yield connect
    drop_notebook()
    registry.connect(import_string(configured.GDMARKET_SUBSCRIPTIONS))


@pytest.fixture
def wait() -> Callable[[float], None]:
    """Return what lets seconds pass for the bus: backoffs and leases come nearer to their ends."""

    def pass_seconds(seconds: float) -> None:
        Delivery.objects.update(not_before=F("not_before") - timedelta(seconds=seconds))

    return pass_seconds
