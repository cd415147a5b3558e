"""What the adapters' providers cannot do, so that a test that does not run for one is a decision and not an accident."""

from tests.unit.payments.contract.bench import Feature
from tests.unit.payments.contract.conftest import BENCHES


def test_what_is_left_out_for_an_adapter_is_known() -> None:
    assert {name: bench.lacks for name, bench in BENCHES.items()} == {
        "sandbox": {Feature.WIRE, Feature.WEBHOOKS},
        "http": set(),
        "stripe": {Feature.WIRE, Feature.SANDBOX_METHODS},
        "toss": set(Feature),
    }
