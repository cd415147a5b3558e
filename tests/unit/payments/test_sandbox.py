"""The sandbox provider beyond the contract of all: how it fails in this process, and a book that nothing confuses."""

import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from apps.payments import gateways
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError, NotSentError, RefundRecord, RefundStatus
from apps.payments.gateways.sandbox import METHODS, SandboxGateway
from gdmarket import ids
from tests.unit.payments.actions import at_once, charge_request

NOTHING = ChargeRecord(status=ChargeStatus.NOT_FOUND)
TOMBSTONE = ChargeRecord(status=ChargeStatus.VOIDED)
DEADLINE_S = 20.0


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return tmp_path / "new" / "book.sqlite3"


@pytest.fixture
def slept() -> list[float]:
    """Return the seconds that the sandbox has slept, in no time."""
    return []


@pytest.fixture
def sandbox(book: Path, slept: list[float]) -> SandboxGateway:
    return SandboxGateway(store=book, sleep=slept.append)


@pytest.fixture
def key() -> UUID:
    return ids.uuid7()


def charge(
    sandbox: SandboxGateway, key: UUID, *, method: str = "pm_ok", amount: int = 8_000, deadline_s: float = DEADLINE_S
) -> ChargeRecord:
    return sandbox.charge(request=charge_request(key, method=method, amount=amount), deadline_s=deadline_s)


def refund(sandbox: SandboxGateway, key: UUID, refund_key: UUID, amount: int = 8_000) -> RefundRecord:
    return sandbox.refund(request=charge_request(key), refund_key=refund_key, amount=amount, deadline_s=DEADLINE_S)


def look_up(sandbox: SandboxGateway, key: UUID) -> ChargeRecord:
    return sandbox.lookup(request=charge_request(key), deadline_s=DEADLINE_S)


def charged(key: UUID, *, refunded: int = 0) -> ChargeRecord:
    return ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, refunded=refunded, currency="KRW", reference=f"sandbox-{key}")


def given_back(refund_key: UUID) -> RefundRecord:
    return RefundRecord(status=RefundStatus.REFUNDED, reference=f"sandbox-{refund_key}")


def test_a_slow_card_is_charged_after_two_seconds(sandbox: SandboxGateway, key: UUID, slept: list[float]) -> None:
    assert charge(sandbox, key, method="pm_slow", deadline_s=3.0) == charged(key)
    assert slept == [2.0]


def test_a_slow_card_is_charged_even_if_nobody_waits_for_it(sandbox: SandboxGateway, key: UUID, slept: list[float]) -> None:
    with pytest.raises(NoAnswerError, match="timed_out"):
        charge(sandbox, key, method="pm_slow", deadline_s=0.5)
    assert slept == [0.5]
    assert look_up(sandbox, key) == charged(key)


def test_a_lost_answer_is_waited_for_in_vain_and_the_card_charged(sandbox: SandboxGateway, key: UUID, slept: list[float]) -> None:
    with pytest.raises(NoAnswerError, match="timed_out"):
        charge(sandbox, key, method="pm_lost", deadline_s=3.0)
    assert slept == [3.0]
    assert look_up(sandbox, key) == charged(key)


@pytest.mark.parametrize(
    ("method", "error", "reason"), [("pm_error", NoAnswerError, "provider_error"), ("pm_down", NotSentError, "connection_refused")]
)
def test_an_error_and_a_refused_connection_charge_nothing(
    sandbox: SandboxGateway, key: UUID, method: str, error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        charge(sandbox, key, method=method)
    assert look_up(sandbox, key) == NOTHING


def test_its_methods_are_six(sandbox: SandboxGateway) -> None:
    assert {"pm_ok", "pm_declined", "pm_slow", "pm_lost", "pm_error", "pm_down"} == METHODS
    assert [sandbox.accepts(method=method) for method in ("pm_ok", "pm_down", "pm_gold", "")] == [True, True, False, False]


def test_a_tombstone_refuses_a_charge_whose_answer_is_lost(sandbox: SandboxGateway, key: UUID) -> None:
    sandbox.void(request=charge_request(key), deadline_s=DEADLINE_S)
    with pytest.raises(NoAnswerError):
        charge(sandbox, key, method="pm_lost")
    assert look_up(sandbox, key) == TOMBSTONE


def test_the_book_survives_a_restart(sandbox: SandboxGateway, book: Path, key: UUID) -> None:
    refund_key, voided = ids.uuid7(), ids.uuid7()
    charge(sandbox, key)
    refund(sandbox, key, refund_key)
    sandbox.void(request=charge_request(voided), deadline_s=DEADLINE_S)

    restarted = SandboxGateway(store=book)

    assert look_up(restarted, key) == charge(restarted, key) == charged(key, refunded=8_000)
    assert refund(restarted, key, refund_key) == given_back(refund_key)
    assert charge(restarted, voided) == TOMBSTONE


def test_a_book_that_is_busy_past_the_deadline_gives_no_answer(sandbox: SandboxGateway, book: Path, key: UUID) -> None:
    look_up(sandbox, key)
    with closing(sqlite3.connect(book, isolation_level=None)) as busy:
        busy.execute("BEGIN IMMEDIATE")
        with pytest.raises(NoAnswerError, match="provider_error"):
            charge(sandbox, key, deadline_s=0.05)
    assert look_up(sandbox, key) == NOTHING


def test_a_book_that_cannot_be_read_gives_no_answer(sandbox: SandboxGateway, book: Path, key: UUID) -> None:
    book.write_bytes(b"this is no book" * 100)
    with pytest.raises(NoAnswerError, match="provider_error"):
        charge(sandbox, key)
    assert book.read_bytes() == b"this is no book" * 100


def test_threads_with_one_key_charge_once_on_a_book_that_is_new(book: Path, key: UUID) -> None:
    amounts = range(8_000, 8_016)
    records = at_once([partial(charge, SandboxGateway(store=book), key, amount=amount) for amount in amounts])
    assert len(set(records)) == 1
    assert look_up(SandboxGateway(store=book), key) == records[0]


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


def test_processes_with_the_same_keys_charge_and_give_back_once(book: Path) -> None:
    keys = [ids.uuid7() for _ in range(20)]
    command = [sys.executable, "-c", _CHARGE_AND_REFUND, str(book), *map(str, keys)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]

    told = [process.communicate(timeout=60)[0].splitlines() for process in processes]

    assert [process.returncode for process in processes] == [0] * 4
    for answers in zip(*told, strict=True):
        assert Counter(answers) == {"charged ": 1, "charged more_than_charged": 3}
    assert [look_up(SandboxGateway(store=book), key) for key in keys] == [charged(key, refunded=8_000) for key in keys]


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


def test_what_was_answered_before_a_kill_stands_in_the_book(sandbox: SandboxGateway, book: Path) -> None:
    command = [sys.executable, "-c", _CHARGE_FOREVER, str(book)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(20)]
        process.send_signal(signal.SIGKILL)
        told += process.stdout.readlines()

    keys = [UUID(line.strip()) for line in told if line.endswith("\n")]
    assert len(keys) >= 20
    assert [look_up(sandbox, key) for key in keys] == [charged(key) for key in keys]
    assert charge(sandbox, new := ids.uuid7()) == charged(new)


def test_the_setting_names_the_gateway(settings: Settings) -> None:
    assert isinstance(gateways.current(), SandboxGateway)
    settings.GDMARKET_PAYMENT_GATEWAY = "none"
    with pytest.raises(ImproperlyConfigured, match="choose from: http, sandbox"):
        gateways.current()
