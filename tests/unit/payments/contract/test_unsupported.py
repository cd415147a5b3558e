"""What the adapters' providers cannot do, so that a test that does not run for one is a decision and not an accident."""

from tests.unit.payments.contract.conftest import HARNESSES
from tests.unit.payments.contract.harness import Feature


def test_what_is_left_out_for_an_adapter_is_known() -> None:
    assert {name: harness.unsupported for name, harness in HARNESSES.items()} == {
        "sandbox": {Feature.WIRE, Feature.WEBHOOKS},
        "http": set(),
        "stripe": {Feature.WIRE, Feature.SANDBOX_METHODS},
        "toss": set(Feature),
    }
