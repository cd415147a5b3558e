"""The whole market, the recorder among its subscribers, and nothing that happens by itself."""

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


class TellingSandbox(SandboxGateway):
    """A sandbox whose webhooks are the name of a rental, and signed by nobody: the worst there could be."""

    def read_webhook(self, *, headers: Mapping[str, str], body: bytes, now: datetime) -> WebhookHint | None:
        return WebhookHint(rental_id=UUID(body.decode()))


@pytest.fixture
def machine(transactional_db: None, settings: Settings, tmp_path: Path) -> Iterator[type[MarketMachine]]:
    """Return the machine, with a provider whose slow answers and lost ones take no time."""
    settings.GDMARKET_DISPATCH = "off"
    settings.GDMARKET_PAYMENT_GATEWAY = "stateful"
    sandbox = TellingSandbox(store=tmp_path / "book.sqlite3", sleep=lambda _seconds: None)
    sandbox.list_charges(since=datetime.now(UTC), until=datetime.now(UTC), deadline_s=5.0)
    gateways.GATEWAYS["stateful"] = lambda: sandbox
    everybody = import_string(configured.GDMARKET_SUBSCRIPTIONS)
    recorder.make()
    registry.connect(recorder.hearing_all(everybody))
    subscriptions.write_subscriptions()
    # Thousands of failures that are meant: what they would print is nobody's news.
    logging.disable(logging.CRITICAL)

    class OnThisBook(MarketMachine):
        book = tmp_path / "book.sqlite3"

    yield OnThisBook
    logging.disable(logging.NOTSET)
    registry.connect(everybody)
    Subscription.objects.filter(subscriber=recorder.SUBSCRIBER).delete()
    recorder.drop()
    del gateways.GATEWAYS["stateful"]
