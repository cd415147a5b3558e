"""The simulator fails as its faults define, and in no other way."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from apps.payments.gateways.port import ChargeStatus, NoAnswerError, NotSentError
from deploy.simulator.calls import BadRequestError, parse
from deploy.simulator.faults import Fault, Faults
from gdmarket import ids
from tests.unit.payments.actions import charge_request, concurrently
from tests.unit.payments.gateway_calls import AMPLE_S
from tests.unit.payments.simulated import Simulated, opened, until

KEY = "019de368-f600-70e2-bf16-9b9b50a857c9"


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulated]:
    with opened(tmp_path) as simulator:
        yield simulator


def taken(faults: Faults, number: int, **about: Any) -> list[str]:
    injected = [faults.take(**{"call": "charge", "key": None} | about) for _ in range(number)]
    return [one.fault.do if one.fault else "" for one in injected]


def test_a_fault_fires_its_number_of_times_and_then_the_next_one() -> None:
    faults = Faults()
    faults.replace(faults=[Fault(do="reset", times=2), Fault(do="hang", times=1)])
    assert taken(faults, 4) == ["reset", "reset", "hang", ""]
    assert faults.list_active() == [Fault(do="reset", times=0), Fault(do="hang", times=0)]
    assert faults.count_fired() == {"reset": 2, "hang": 1}


def test_a_fault_fires_only_for_the_call_and_key_that_it_names() -> None:
    key = ids.uuid7()
    faults = Faults()
    faults.replace(faults=[Fault(do="reset", call="refund", key=key)])
    assert taken(faults, 1, call="refund", key=key) == ["reset"]
    assert taken(faults, 1, call="charge", key=key) == taken(faults, 1, call="refund", key=ids.uuid7()) == [""]


def test_latencies_add_up_beside_another_fault() -> None:
    faults = Faults()
    faults.replace(faults=[Fault(do="latency", before_s=1), Fault(do="error_after", after_s=2), Fault(do="latency", before_s=3)])
    injected = faults.take(call="charge", key=None)
    assert (injected.before_s, injected.after_s, injected.fault and injected.fault.do) == (4, 2, "error_after")


def test_a_probable_fault_fires_the_same_calls_with_the_same_seed() -> None:
    fired = []
    for seed in (1, 1, 2):
        faults = Faults()
        faults.replace(faults=[Fault(do="reset", probability=0.3, seed=seed)])
        fired.append(taken(faults, 200))
    assert fired[0] == fired[1] != fired[2]
    assert 30 < fired[0].count("reset") < 90


def test_a_fault_takes_precedence_over_the_payment_method(simulator: Simulated) -> None:
    simulator.set_faults(Fault(do="wrong_amount", times=1))
    assert simulator.charge(method="pm_error") is ChargeStatus.CHARGED
    with pytest.raises(NoAnswerError, match="http_500"):
        simulator.charge(method="pm_error")


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "explode"},
        {"do": "error", "status": 200},
        {"do": "reset", "times": -1},
        {"do": "reset", "probability": 2},
        {"do": "latency", "befor_s": 1},
        {"do": "reset", "key": "7"},
        {"times": 1},
    ],
)
def test_a_malformed_fault_is_refused(fault: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(fault), type=Fault)


@pytest.mark.parametrize(
    ("verb", "target", "body"),
    [
        ("PUT", f"/v1/charges/{KEY}", {"amount": 0, "currency": "KRW", "method": "pm_ok", "order": KEY}),
        ("PUT", f"/v1/charges/{KEY}", {"amount": 2**63, "currency": "KRW", "method": "pm_ok", "order": KEY}),
        ("PUT", f"/v1/charges/{KEY}", {"amount": 1, "currency": "won", "method": "pm_ok", "order": KEY}),
        ("PUT", f"/v1/charges/{KEY}", {}),
        ("PUT", f"/v1/charges/{'-' * 36}", {"amount": 1}),
        ("PUT", f"/v1/charges/{KEY}/refunds/{KEY}", {"amount": -1}),
        ("DELETE", f"/v1/charges/{KEY}", {}),
        ("GET", "/v1/charges/7", {}),
    ],
)
def test_a_malformed_request_is_refused(verb: str, target: str, body: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError):
        parse(verb=verb, target=target, body=json.dumps(body).encode())


def test_a_simulator_down_for_a_while_comes_up_at_the_same_address(simulator: Simulated) -> None:
    simulator.charge()
    address = simulator.server.address
    simulator.server.go_down(for_s=0.2)
    with pytest.raises(NotSentError):
        simulator.charge()
    until(lambda: _answers(simulator))
    assert simulator.charge() is ChargeStatus.CHARGED
    assert simulator.server.address == address


def _answers(simulator: Simulated) -> bool:
    try:
        return simulator.charge() is ChargeStatus.CHARGED
    except NotSentError:
        return False


def test_calls_in_flight_are_cut_off_when_it_goes_down(simulator: Simulated) -> None:
    simulator.set_faults(Fault(do="hang"))

    def go_down() -> None:
        until(lambda: simulator.provider.stats()["in_flight"] == 1)
        simulator.server.go_down(for_s=None)

    calls: list[Callable[[], object]] = [simulator.charge, go_down]
    lost, _ = concurrently(calls)
    assert isinstance(lost, NoAnswerError)


def test_it_answers_hundreds_of_slow_calls_concurrently(simulator: Simulated) -> None:
    simulator.set_faults(Fault(do="latency", call="lookup", before_s=3))

    def look_up() -> ChargeStatus:
        return simulator.gateway.lookup(request=charge_request(ids.uuid7()), deadline_s=AMPLE_S).status

    assert concurrently([look_up] * 200) == [ChargeStatus.NOT_FOUND] * 200
    assert simulator.provider.stats()["most_in_flight"] > 100
    assert simulator.provider.stats()["calls"] == {"lookup": 200}
