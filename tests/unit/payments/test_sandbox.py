"""The sandbox beyond the contract of all adapters: its timing, and a store that survives threads, processes and kills."""

import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError, NotSentError
from apps.payments.gateways.sandbox import METHODS, SandboxGateway
from gdmarket import ids
from tests.unit.payments.actions import charge_request
from tests.unit.payments.gateway_calls import NOTHING, VOIDED, charge, look_up, void


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "new" / "store.sqlite3"


@pytest.fixture
def slept() -> list[float]:
    """Return the seconds for which the sandbox slept, without waiting."""
    return []


@pytest.fixture
def sandbox(store: Path, slept: list[float]) -> SandboxGateway:
    return SandboxGateway(store=store, sleep=slept.append)


def charged(key: UUID, *, refunded: int = 0) -> ChargeRecord:
    return ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, refunded=refunded, currency="KRW", reference=f"sandbox-{key}")


def test_a_slow_card_is_charged_after_two_seconds(sandbox: SandboxGateway, slept: list[float]) -> None:
    request = charge_request(method="pm_slow")
    assert charge(sandbox, request, deadline_s=3.0) == charged(request.payment_id)
    assert slept == [2.0]


@pytest.mark.parametrize(("method", "deadline_s"), [("pm_slow", 0.5), ("pm_lost", 3.0)])
def test_a_card_is_charged_although_the_caller_gave_up(sandbox: SandboxGateway, slept: list[float], method: str, deadline_s: float) -> None:
    request = charge_request(method=method)
    with pytest.raises(NoAnswerError, match="timed_out"):
        charge(sandbox, request, deadline_s=deadline_s)
    assert slept == [deadline_s]
    assert look_up(sandbox, request) == charged(request.payment_id)


def test_a_refused_connection_means_not_sent(sandbox: SandboxGateway) -> None:
    with pytest.raises(NotSentError, match="connection_refused"):
        charge(sandbox, charge_request(method="pm_down"))


def test_its_methods_are_six(sandbox: SandboxGateway) -> None:
    assert {"pm_ok", "pm_declined", "pm_slow", "pm_lost", "pm_error", "pm_down"} == METHODS


def test_a_tombstone_refuses_a_charge_whose_answer_is_lost(sandbox: SandboxGateway) -> None:
    request = charge_request(method="pm_lost")
    void(sandbox, request)
    with pytest.raises(NoAnswerError):
        charge(sandbox, request)
    assert look_up(sandbox, request) == VOIDED


def test_a_store_that_is_locked_past_the_deadline_gives_no_answer(sandbox: SandboxGateway, store: Path) -> None:
    request = charge_request()
    look_up(sandbox, request)
    with closing(sqlite3.connect(store, isolation_level=None)) as busy:
        busy.execute("BEGIN IMMEDIATE")
        with pytest.raises(NoAnswerError, match="provider_error"):
            charge(sandbox, request, deadline_s=0.05)
    assert look_up(sandbox, request) == NOTHING


def test_a_file_that_is_no_store_gives_no_answer_and_is_left_alone(sandbox: SandboxGateway, store: Path) -> None:
    store.write_bytes(b"this is no store" * 100)
    with pytest.raises(NoAnswerError, match="provider_error"):
        charge(sandbox, charge_request())
    assert store.read_bytes() == b"this is no store" * 100


_CHARGE_AND_REFUND = """
import sys, uuid
from pathlib import Path
from apps.payments.gateways.sandbox_store import SandboxStore
store = SandboxStore(path=Path(sys.argv[1]))
for key in sys.argv[2:]:
    key = uuid.UUID(key)
    charged = store.charge(key=key, amount=8_000, currency="KRW", deadline_s=20)
    refunded = store.refund(key=key, refund_key=uuid.uuid4(), amount=8_000, deadline_s=20)
    print(charged.status, refunded.reason)
"""


def test_processes_with_the_same_keys_charge_and_refund_once(store: Path) -> None:
    keys = [ids.uuid7() for _ in range(20)]
    command = [sys.executable, "-c", _CHARGE_AND_REFUND, str(store), *map(str, keys)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]

    printed = [process.communicate(timeout=60)[0].splitlines() for process in processes]

    assert [process.returncode for process in processes] == [0] * 4
    for lines in zip(*printed, strict=True):
        assert Counter(lines) == {"charged ": 1, "charged more_than_charged": 3}
    assert [look_up(SandboxGateway(store=store), charge_request(key)) for key in keys] == [charged(key, refunded=8_000) for key in keys]


_CHARGE_FOREVER = """
import sys, uuid
from pathlib import Path
from apps.payments.gateways.sandbox_store import SandboxStore
store = SandboxStore(path=Path(sys.argv[1]))
while True:
    key = uuid.uuid4()
    store.charge(key=key, amount=8_000, currency="KRW", deadline_s=20)
    print(key, flush=True)
"""


def test_what_was_answered_survives_a_kill(sandbox: SandboxGateway, store: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _CHARGE_FOREVER, str(store)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(20)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()

    keys = [UUID(line.strip()) for line in lines if line.endswith("\n")]
    assert len(keys) >= 20
    assert [look_up(sandbox, charge_request(key)) for key in keys] == [charged(key) for key in keys]
    assert charge(sandbox, charge_request(new := ids.uuid7())) == charged(new)
