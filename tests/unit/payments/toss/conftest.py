"""The gateway, and the stub that it calls."""

from collections.abc import Iterator

import pytest

from apps.payments.contracts import ChargeRequest
from apps.payments.gateways.toss.gateway import TossGateway
from gdmarket import ids
from tests.unit.payments.actions import charge_request
from tests.unit.payments.provider_stub import running
from tests.unit.payments.toss.stub import PAYMENT_KEY, SECRET, TossStub


@pytest.fixture
def toss() -> Iterator[TossStub]:
    with running(TossStub()) as toss:
        yield toss


@pytest.fixture
def gateway(toss: TossStub) -> Iterator[TossGateway]:
    gateway = TossGateway(base_url=toss.url, secret_key=SECRET)
    yield gateway
    gateway.close()


@pytest.fixture
def wanted(toss: TossStub) -> ChargeRequest:
    """Return the request of a renter who has authenticated the payment in Toss's window."""
    order = ids.uuid7()
    method = toss.authenticate(order_id=f"{order}-1", amount=8_000, payment_key=PAYMENT_KEY)
    return charge_request(rental_id=order, method=method)
