"""The server and its sidecar processes: started, restarted and stopped together."""

import os
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from deploy.servers.ports import free_port
from deploy.servers.waiting import wait_until
from gdmarket import clock
from tests.e2e.served import PATIENCE_S, ROOT, Served, name_of
from tests.factories.accounts import UserFactory
from tests.unit.payments.actions import charge


def test_the_server_answers_with_a_relay_beside_it(served: Served) -> None:
    assert served.status_of("/health/live") == 200
    assert served.status_of("/api/v1/items") == 200
    assert len(served.relays()) == 1
    assert "Demo people" not in served.output.read_text()


def test_the_reconciliation_runs_and_takes_no_memory_afterwards(served: Served) -> None:
    # How many depends on what other tests have left with the sandbox provider.
    wait_until(lambda: "Payments compared: " in served.output.read_text(), "the reconciliation")
    wait_until(lambda: not served.beside("reconcile_payments"), "its end")
    assert len(served.master.children()) == 2  # a worker and the relay


@pytest.mark.nightly("postgresql")  # the database has no part in it
def test_a_relay_that_dies_is_restarted(served: Served) -> None:
    [before] = served.relays()
    before.kill()
    wait_until(lambda: [process.pid for process in served.relays()] not in ([], [before.pid]), "another relay")
    assert len(served.relays()) == 1
    assert served.status_of("/health/live") == 200


@pytest.mark.nightly("postgresql")  # the database has no part in it
def test_a_sidecar_that_cannot_write_never_gets_back_into_gunicorn(
    process_environment: dict[str, str], people: type[UserFactory], tmp_path: Path
) -> None:
    people(renter=True)
    environment = process_environment | {"GDMARKET_PORT": str(free_port()), "PYTHONUNBUFFERED": ""}
    with (tmp_path / "errors").open("wb") as errors:
        process = psutil.Popen([sys.executable, "-m", "config.serve"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors)
    assert process.stdout is not None
    assert any(b"Ctrl-C" in line for line in process.stdout)
    process.stdout.close()

    def relays() -> list[psutil.Process]:
        return [child for child in process.children() if name_of(child) == "relay"]

    wait_until(relays, "the relay")
    [before] = relays()
    before.kill()
    wait_until(lambda: relays() not in ([], [before]), "another relay")
    # It comes 10 s after the start, and prints what it found.
    wait_until(lambda: "BrokenPipeError" in (tmp_path / "errors").read_text(), "the reconciliation")
    process.terminate()
    assert process.wait(timeout=PATIENCE_S) == 0
    assert "arbiter.py" not in (tmp_path / "errors").read_text()


@pytest.mark.nightly("postgresql")  # the database has no part in it
def test_a_sidecar_that_is_restarted_goes_on_in_the_same_files_of_metrics(served: Served) -> None:
    charge(method="pm_error", now=clock.now() - timedelta(minutes=5))  # the reconciliation repairs it, and counts
    lasting = {str(child.pid) for child in served.family()} - {str(relay.pid) for relay in served.relays()}
    wait_until(lambda: any(served.counts.glob("*_reconcile-payments.db")), "the metrics of the reconciliation")
    owners = {file.stem.rsplit("_", 1)[1] for file in served.counts.glob("*.db")}
    assert owners - lasting <= {"relay", "reconcile-payments"}


@pytest.mark.nightly("postgresql")  # the database has no part in it
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_every_process(served: Served, ending: signal.Signals) -> None:
    family = served.family()
    served.process.send_signal(ending)
    assert served.process.wait(timeout=PATIENCE_S) == 0
    assert not any(process.is_running() for process in family)


@pytest.mark.nightly("postgresql")  # the database has no part in it
def test_a_killed_server_leaves_no_process_behind(served: Served) -> None:
    family = served.family()
    os.kill(served.process.pid, signal.SIGKILL)
    served.process.wait()
    wait_until(lambda: not any(process.is_running() for process in family), "the end of the workers and the sidecars")
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", served.port)) != 0


@pytest.mark.nightly("postgresql")  # the database has no part in it
def test_a_taken_port_is_reported_in_one_line(process_environment: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = subprocess.run(
            [sys.executable, "-m", "config.serve"],
            cwd=ROOT,
            env=process_environment | {"GDMARKET_PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr == (
        f"Cannot listen on 127.0.0.1:{port} (Address already in use). Another port: GDMARKET_PORT={port + 1} ./dev run\n"
    )
