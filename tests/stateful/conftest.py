"""The whole market, with the recorder among its subscribers and no dispatch of its own."""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings as configured
from django.utils.module_loading import import_string
from pytest_django import Settings

from apps.payments import gateways
from apps.payments.gateways.port import WebhookHint
from apps.payments.gateways.sandbox import SandboxGateway
from gdmarket.bus import registry, subscriptions
from gdmarket.bus.models import Subscription
from tests.stateful import recorder
from tests.stateful.machine import MarketMachine


class SandboxWithWebhooks(SandboxGateway):
    """A sandbox whose webhooks name a rental and are not signed: the worst case."""

    def read_webhook(self, *, headers: Mapping[str, str], body: bytes, now: datetime) -> WebhookHint | None:
        return WebhookHint(rental_id=UUID(body.decode()))


@pytest.fixture
def machine(transactional_db: None, settings: Settings, tmp_path: Path) -> Iterator[type[MarketMachine]]:
    """Return the machine, with a provider that answers without delay."""
    settings.GDMARKET_DISPATCH = "off"
    settings.GDMARKET_PAYMENT_GATEWAY = "stateful"
    # Two renters do all that happens.
    settings.GDMARKET_UNPAID_HOLDS = settings.GDMARKET_UNPAID_HOLDS_PER_ITEM = 0
    settings.GDMARKET_DECLINES_PER_RENTAL = settings.GDMARKET_DECLINES_PER_RENTER = settings.GDMARKET_CANCELLED_PAYMENTS = 0
    sandbox = SandboxWithWebhooks(store=tmp_path / "store.sqlite3", sleep=lambda _seconds: None)
    sandbox.list_charges(since=datetime.now(UTC), until=datetime.now(UTC), deadline_s=5.0)
    gateways.GATEWAYS["stateful"] = lambda: sandbox
    connected = import_string(configured.GDMARKET_SUBSCRIPTIONS)
    recorder.create_table()
    registry.connect(recorder.with_recorder(connected))
    subscriptions.write_subscriptions()
    # Thousands of failures are meant.
    logging.disable(logging.CRITICAL)

    class MachineWithStore(MarketMachine):
        store = tmp_path / "store.sqlite3"

    yield MachineWithStore
    logging.disable(logging.NOTSET)
    registry.connect(connected)
    Subscription.objects.filter(subscriber=recorder.SUBSCRIBER).delete()
    recorder.drop_table()
    del gateways.GATEWAYS["stateful"]
