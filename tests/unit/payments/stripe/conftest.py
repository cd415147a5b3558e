"""The gateway, and the stub that it calls."""

from collections.abc import Iterator

import pytest

from apps.payments.contracts import ChargeRequest
from apps.payments.gateways.stripe.gateway import StripeGateway
from tests.unit.payments.actions import charge_request
from tests.unit.payments.provider_stub import running
from tests.unit.payments.stripe.stub import SECRET, StripeStub


@pytest.fixture
def stripe() -> Iterator[StripeStub]:
    with running(StripeStub()) as stripe:
        yield stripe


@pytest.fixture
def gateway(stripe: StripeStub) -> Iterator[StripeGateway]:
    gateway = StripeGateway(base_url=stripe.url, secret_key=SECRET)
    yield gateway
    gateway.close()


@pytest.fixture
def wanted() -> ChargeRequest:
    return charge_request(method="pm_card_visa")
