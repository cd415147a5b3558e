"""`manage.py fake_provider`: a process that is started, hurt, killed and started again, and keeps its book."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.payments.gateways.http import HttpGateway
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError, NotSentError
from tests.fake_provider import ROOT, FakeProcess
from tests.unit.payments.actions import charge_request

AMPLE_S = 20.0


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeProcess]:
    with FakeProcess(folder=tmp_path) as fake:
        yield fake


@pytest.fixture
def gateway(fake: FakeProcess) -> Iterator[HttpGateway]:
    gateway = HttpGateway(base_url=fake.url, webhook_secrets=[])
    yield gateway
    gateway.close()


def test_what_was_answered_stands_in_the_book_after_a_kill(fake: FakeProcess, gateway: HttpGateway) -> None:
    answered = charge_request()
    record = gateway.charge(request=answered, deadline_s=AMPLE_S)

    fake.kill()
    with pytest.raises(NotSentError):
        gateway.lookup(request=answered, deadline_s=AMPLE_S)
    fake.start()

    assert gateway.lookup(request=answered, deadline_s=AMPLE_S) == fake.record(answered.payment_id) == record
    assert gateway.charge(request=answered, deadline_s=AMPLE_S) == record
    assert fake.stats()["book"] == {"charged": 1, "refunds": 0, "amount": 8_000, "amount_refunded": 0}


def test_it_ends_in_good_order_with_calls_in_hand(fake: FakeProcess, gateway: HttpGateway) -> None:
    with pytest.raises(NoAnswerError):
        gateway.charge(request=charge_request(method="pm_lost"), deadline_s=0.5)
    with socket.create_connection(("127.0.0.1", fake.port)):
        assert fake.stop() == 0
    said = fake.output.read_text()
    assert said.endswith("fake provider: stopped\n")
    assert "Traceback" not in said


def test_faults_are_set_told_and_cleared_while_it_runs(fake: FakeProcess, gateway: HttpGateway) -> None:
    fake.set_faults({"do": "answer_lost", "call": "charge", "times": 1}, {"do": "error", "call": "lookup", "status": 503})
    lost = charge_request()
    with pytest.raises(NoAnswerError):
        gateway.charge(request=lost, deadline_s=AMPLE_S)
    with pytest.raises(NoAnswerError, match="http_503"):
        gateway.lookup(request=lost, deadline_s=AMPLE_S)
    assert [fault["do"] for fault in fake.faults()] == ["answer_lost", "error"]
    assert fake.stats()["faults"] == {"answer_lost": 1, "error": 1}

    fake.clear_faults()

    assert fake.faults() == []
    assert gateway.lookup(request=lost, deadline_s=AMPLE_S).status is ChargeStatus.CHARGED
    assert f"charge {lost.payment_id} 200, answer_lost" in fake.output.read_text()


def test_it_can_be_told_to_be_down_and_up(fake: FakeProcess, gateway: HttpGateway) -> None:
    asked = charge_request()
    fake.go_down()
    with pytest.raises(NotSentError):
        gateway.charge(request=asked, deadline_s=AMPLE_S)
    fake.come_up()
    assert gateway.lookup(request=asked, deadline_s=AMPLE_S) == ChargeRecord(status=ChargeStatus.NOT_FOUND)


def test_a_port_that_is_taken_is_told_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = _run("--port", str(port), "--control-port", "0", "--book", str(tmp_path / "book.sqlite3"))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"CommandError: It cannot listen on 127.0.0.1, ports {port} and 0: ")
    assert refused.stderr.count("\n") == 1


def test_webhooks_need_a_secret() -> None:
    refused = _run("--webhook-url", "http://127.0.0.1:1/hook")
    assert (refused.returncode, refused.stderr) == (1, "CommandError: --webhook-url needs a --webhook-secret to sign with.\n")


def _run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "fake_provider", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
