"""What is killed or frozen under load comes back, and what was acknowledged meanwhile stands. How soon: `./dev heal` measures."""

import signal
import sys
from pathlib import Path

import psutil
import pytest

from deploy.local.cluster import Cluster
from deploy.local.hurts import Hurt, hurt_relay, hurt_web, hurt_worker
from deploy.local.keeper import Job, Keeper
from deploy.local.traffic import Traffic
from deploy.local.truth import compare
from deploy.local.waiting import wait_for


def test_a_killed_and_a_frozen_server_and_relay_are_back_and_nothing_is_lost(cluster: Cluster) -> None:
    first, second = cluster.webs
    kill, stop = signal.SIGKILL, signal.SIGSTOP
    traffic = Traffic(port=cluster.port, seed=21, rate=20)
    traffic.start()
    for hurt in (
        hurt_worker(cluster, first, kill, "kill a worker"),
        hurt_web(cluster, second, kill, "kill a server"),
        hurt_relay(cluster, kill, "kill the relay"),
        hurt_web(cluster, first, stop, "freeze a server"),
        hurt_relay(cluster, stop, "freeze the relay"),
    ):
        hurt.befall()
    finding = compare(url=cluster.database_url, tally=traffic.stop())
    assert finding.acknowledged > 20
    assert finding.is_whole, finding


def test_a_frozen_worker_among_others_is_replaced_by_its_master(cluster: Cluster) -> None:
    """The server answers that it lives, by its other worker: nobody outside can know."""
    web = cluster.begin_web(GDMARKET_WORKERS="2")
    try:
        wait_for(lambda: cluster.is_ready(web), "the server to be ready")
        master = psutil.Process(web.keeper.pid)
        frozen = master.children()[0]
        hurt = Hurt(
            what="freeze a worker",
            order=signal.SIGSTOP,
            victims=lambda: [frozen],
            is_well=lambda: cluster.is_ready(web) and len(master.children()) == 2,
        )
        hurt.befall()
        assert web.keeper.pid == master.pid
    finally:
        web.keeper.stop()
        cluster.webs.remove(web)


def test_a_keeper_gives_up_what_never_comes_to_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.local.keeper.START_S", 1.0)
    told: list[str] = []
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    keeper = Keeper(
        job=Job(name="sleeper", command=command, folder=tmp_path, environment={}, log=tmp_path / "log", live_port=9), tell=told.append
    )
    keeper.start()
    wait_for(lambda: bool(told), "the keeper to lose patience", patience_s=20)
    keeper.stop()
    assert told[0].startswith("sleeper did not answer ")
