"""`python -m deploy.simulator`: a process that is started, given faults, killed and restarted, and keeps its store."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.payments.gateways.http import HttpGateway
from apps.payments.gateways.port import ChargeStatus, NoAnswerError, NotSentError
from deploy.servers.process import ROOT
from deploy.servers.simulator import SimulatorProcess
from tests.unit.payments.actions import charge_request
from tests.unit.payments.gateway_calls import charge, look_up


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    with SimulatorProcess(folder=tmp_path) as simulator:
        yield simulator


@pytest.fixture
def gateway(simulator: SimulatorProcess) -> Iterator[HttpGateway]:
    gateway = HttpGateway(base_url=simulator.url, webhook_secrets=[])
    yield gateway
    gateway.close()


def test_what_was_answered_survives_a_kill(simulator: SimulatorProcess, gateway: HttpGateway) -> None:
    answered = charge_request()
    record = charge(gateway, answered)

    simulator.kill()
    with pytest.raises(NotSentError):
        look_up(gateway, answered)
    simulator.start()

    assert look_up(gateway, answered) == simulator.record(answered.payment_id) == record
    assert charge(gateway, answered) == record
    assert simulator.stats()["book"] == {"charged": 1, "refunds": 0, "amount": 8_000, "amount_refunded": 0}


def test_sigterm_ends_it_while_calls_are_open(simulator: SimulatorProcess, gateway: HttpGateway) -> None:
    with pytest.raises(NoAnswerError):
        charge(gateway, charge_request(method="pm_lost"), deadline_s=0.5)
    with socket.create_connection(("127.0.0.1", simulator.port)):
        assert simulator.stop() == 0
    log = simulator.log.read_text()
    assert log.endswith("simulator: stopped\n")
    assert "Traceback" not in log


def test_faults_are_set_listed_and_cleared_while_it_runs(simulator: SimulatorProcess, gateway: HttpGateway) -> None:
    simulator.set_faults({"do": "answer_lost", "call": "charge", "times": 1}, {"do": "error", "call": "lookup", "status": 503})
    lost = charge_request()
    with pytest.raises(NoAnswerError):
        charge(gateway, lost)
    with pytest.raises(NoAnswerError, match="http_503"):
        look_up(gateway, lost)
    assert [fault["do"] for fault in simulator.faults()] == ["answer_lost", "error"]
    assert simulator.stats()["faults"] == {"answer_lost": 1, "error": 1}

    simulator.clear_faults()

    assert simulator.faults() == []
    assert look_up(gateway, lost).status is ChargeStatus.CHARGED
    assert f"charge {lost.payment_id} 200, answer_lost" in simulator.log.read_text()


def test_a_taken_port_is_reported_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = _run("--port", str(port), "--control-port", "0", "--store", str(tmp_path / "store.sqlite3"))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"cannot listen on 127.0.0.1, ports {port} and 0: ")
    assert refused.stderr.count("\n") == 1


def test_webhooks_need_a_secret() -> None:
    refused = _run("--webhook-url", "http://127.0.0.1:1/hook")
    assert refused.returncode == 2
    assert refused.stderr.endswith("error: --webhook-url needs a --webhook-secret to sign with\n")


def _run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.simulator", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
