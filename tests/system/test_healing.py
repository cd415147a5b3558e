"""Killed and frozen processes recover under load, and no acknowledged write is lost. `./dev heal` measures how soon."""

import re
import signal
import sys
from pathlib import Path

import psutil
import pytest

from deploy.local.cluster import Cluster
from deploy.local.consistency import check_consistency
from deploy.local.faults import Fault, relay_fault, web_fault, worker_fault
from deploy.local.supervisor import Supervisor
from deploy.local.workload import Workload
from deploy.servers.process import ServerProcess
from deploy.servers.waiting import wait_until
from tests.system.edge import extra_server


def test_killed_and_frozen_servers_and_relays_recover_and_nothing_is_lost(cluster: Cluster, request: pytest.FixtureRequest) -> None:
    first, second = cluster.webs
    kill, stop = signal.SIGKILL, signal.SIGSTOP
    faults = [web_fault(cluster, second, kill, "kill a server"), relay_fault(cluster, stop, "freeze the relay")]
    if request.config.option.nightly:
        faults += [
            worker_fault(cluster, first, kill, "kill a worker"),
            relay_fault(cluster, kill, "kill the relay"),
            web_fault(cluster, first, stop, "freeze a server"),
        ]
    workload = Workload(port=cluster.port, seed=21, rate=20)
    workload.start()
    for fault in faults:
        fault.inject()
    consistency = check_consistency(url=cluster.database_url, result=workload.stop())
    assert consistency.acknowledged > 20
    assert consistency.is_consistent, consistency


@pytest.mark.nightly
def test_a_frozen_worker_among_others_is_replaced_by_its_master(cluster: Cluster) -> None:
    """The server's liveness probe succeeds, through the other worker: only the master can notice."""
    with extra_server(cluster, GDMARKET_WORKERS="2") as web:
        master = psutil.Process(web.supervisor.pid)
        frozen = master.children()[0]
        fault = Fault(
            name="freeze a worker",
            signal=signal.SIGSTOP,
            targets=lambda: [frozen],
            is_recovered=lambda: cluster.is_ready(web) and len(master.children()) == 2,
        )
        fault.inject()
        assert web.supervisor.pid == master.pid


def test_a_supervisor_kills_a_process_that_never_becomes_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.local.supervisor.START_S", 1.0)
    reports: list[str] = []
    process = ServerProcess([sys.executable, "-c", "import time; time.sleep(60)"], log=tmp_path / "log")
    supervisor = Supervisor(name="sleeper", process=process, report=reports.append, live_port=9)
    supervisor.start()
    wait_until(lambda: bool(reports), "the supervisor to give up", timeout_s=20)
    supervisor.stop()
    assert re.match("sleeper failed [0-9]+ liveness probes", reports[0])
