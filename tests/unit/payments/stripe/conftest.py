"""The gateway, and the replica that it asks."""

from collections.abc import Iterator

import pytest

from apps.payments.gateways.port import Intent
from apps.payments.gateways.stripe import StripeGateway
from gdmarket import ids
from tests.unit.payments.replica import running
from tests.unit.payments.stripe.replica import SECRET, StripeReplica


@pytest.fixture
def stripe() -> Iterator[StripeReplica]:
    with running(StripeReplica()) as stripe:
        yield stripe


@pytest.fixture
def gateway(stripe: StripeReplica) -> Iterator[StripeGateway]:
    gateway = StripeGateway(base_url=stripe.url, secret_key=SECRET)
    yield gateway
    gateway.close()


@pytest.fixture
def intent() -> Intent:
    return Intent(key=ids.uuid7(), order=ids.uuid7(), amount=8_000, currency="KRW", method="pm_card_visa")
