"""The gateway, and the replica that it asks."""

from collections.abc import Iterator

import pytest

from apps.payments.gateways.port import Intent
from apps.payments.gateways.toss import TossGateway
from gdmarket import ids
from tests.unit.payments.replica import running
from tests.unit.payments.toss.replica import SECRET, TossReplica
from tests.unit.payments.toss.till import PAYMENT_KEY


@pytest.fixture
def toss() -> Iterator[TossReplica]:
    with running(TossReplica()) as toss:
        yield toss


@pytest.fixture
def gateway(toss: TossReplica) -> Iterator[TossGateway]:
    gateway = TossGateway(base_url=toss.url, secret_key=SECRET)
    yield gateway
    gateway.close()


@pytest.fixture
def intent(toss: TossReplica) -> Intent:
    """Return what a renter means to pay who has just come back from Toss's window."""
    order = ids.uuid7()
    method = toss.authenticate(order_id=f"{order}-1", amount=8_000, payment_key=PAYMENT_KEY)
    return Intent(key=ids.uuid7(), order=order, amount=8_000, currency="KRW", method=method)
