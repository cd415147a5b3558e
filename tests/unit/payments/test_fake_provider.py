"""The fake provider fails as it is told to, and no other way."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from apps.payments.gateways.fake.calls import BadRequestError, understand
from apps.payments.gateways.fake.faults import Fault, Faults
from apps.payments.gateways.port import ChargeStatus, NoAnswerError, NotSentError
from gdmarket import ids
from tests.unit.payments.actions import at_once, charge_request
from tests.unit.payments.faked import AMPLE_S, Fake, opened, until

KEY = "019de368-f600-70e2-bf16-9b9b50a857c9"


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    with opened(tmp_path) as fake:
        yield fake


def taken(faults: Faults, number: int, **about: Any) -> list[str]:
    hurts = [faults.take(**{"call": "charge", "key": None} | about) for _ in range(number)]
    return [hurt.by.do if hurt.by else "" for hurt in hurts]


def test_a_fault_strikes_as_often_as_it_was_told_to() -> None:
    faults = Faults()
    faults.put(faults=[Fault(do="reset", times=2)])
    assert taken(faults, 3) == ["reset", "reset", ""]
    assert (faults.get(), faults.done()) == ([Fault(do="reset", times=0)], {"reset": 2})


def test_a_fault_strikes_only_what_it_names() -> None:
    key = ids.uuid7()
    faults = Faults()
    faults.put(faults=[Fault(do="reset", call="refund", key=key)])
    assert taken(faults, 1, call="refund", key=key) == ["reset"]
    assert taken(faults, 1, call="charge", key=key) == taken(faults, 1, call="refund", key=ids.uuid7()) == [""]


def test_the_first_fault_strikes_and_those_behind_it_wait() -> None:
    faults = Faults()
    faults.put(faults=[Fault(do="reset", times=1), Fault(do="hang", times=1)])
    assert taken(faults, 3) == ["reset", "hang", ""]


def test_latencies_add_up_beside_another_fault() -> None:
    faults = Faults()
    faults.put(faults=[Fault(do="latency", before_s=1), Fault(do="error_after", after_s=2), Fault(do="latency", before_s=3)])
    hurt = faults.take(call="charge", key=None)
    assert (hurt.before_s, hurt.after_s, hurt.by and hurt.by.do) == (4, 2, "error_after")


def test_a_probable_fault_strikes_the_same_calls_with_the_same_seed() -> None:
    struck = []
    for seed in (1, 1, 2):
        faults = Faults()
        faults.put(faults=[Fault(do="reset", probability=0.3, seed=seed)])
        struck.append(taken(faults, 200))
    assert struck[0] == struck[1] != struck[2]
    assert 30 < struck[0].count("reset") < 90


def test_a_payment_method_fails_in_its_own_way_unless_a_fault_was_set(fake: Fake) -> None:
    fake.set_faults(Fault(do="wrong_amount", times=1))
    assert fake.charge(method="pm_error") is ChargeStatus.CHARGED
    with pytest.raises(NoAnswerError, match="http_500"):
        fake.charge(method="pm_error")


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
def test_a_fault_that_makes_no_sense_is_refused(fault: dict[str, Any]) -> None:
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
def test_a_request_that_makes_no_sense_is_refused(verb: str, target: str, body: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError):
        understand(verb=verb, target=target, body=json.dumps(body).encode())


def test_a_provider_that_is_down_for_a_while_comes_back_by_itself_at_the_same_address(fake: Fake) -> None:
    fake.charge()
    address = fake.server.address
    fake.server.go_down(for_s=0.2)
    with pytest.raises(NotSentError):
        fake.charge()
    until(lambda: "charged" in fake.provider.stats()["book"] and _answers(fake))
    assert fake.charge() is ChargeStatus.CHARGED
    assert fake.server.address == address


def _answers(fake: Fake) -> bool:
    try:
        return fake.charge() is ChargeStatus.CHARGED
    except NotSentError:
        return False


def test_calls_in_hand_are_cut_off_when_it_goes_down(fake: Fake) -> None:
    fake.set_faults(Fault(do="hang"))

    def go_down() -> None:
        until(lambda: fake.provider.stats()["in_flight"] == 1)
        fake.server.go_down(for_s=None)

    acts: list[Callable[[], object]] = [fake.charge, go_down]
    lost, _ = at_once(acts)
    assert isinstance(lost, NoAnswerError)


def test_it_holds_hundreds_of_slow_calls_at_once(fake: Fake) -> None:
    fake.set_faults(Fault(do="latency", call="lookup", before_s=3))

    def look_up() -> ChargeStatus:
        return fake.gateway.lookup(request=charge_request(ids.uuid7()), deadline_s=AMPLE_S).status

    assert at_once([look_up] * 200) == [ChargeStatus.NOT_FOUND] * 200
    assert fake.provider.stats()["most_in_flight"] > 100
    assert fake.provider.stats()["calls"] == {"lookup": 200}
