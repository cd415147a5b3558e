"""As in compose and on a cluster, the gateway asks the DNS who serves."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.gateway import CONFIGURATION
from deploy.servers.ports import free_port
from deploy.servers.waiting import wait_until
from tests.system.edge import Rogue, ask, running
from tests.system.names import Names


@pytest.fixture
def port(names: Names, tmp_path: Path) -> Iterator[int]:
    """Return where a gateway listens that asks `names`."""
    port = free_port()
    environment = {"GATEWAY_BIND": f"127.0.0.1:{port}", "GATEWAY_WEB": f"web:{_SERVES}", "GATEWAY_RESOLVER": names.address}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", str(CONFIGURATION)], env={**os.environ, **environment}, stdout=log
        )
    yield port
    process.kill()
    process.wait()


@pytest.fixture
def names() -> Iterator[Names]:
    names = Names("127.0.0.1")
    with names.running():
        yield names


_SERVES = free_port()


def test_servers_come_and_go_with_their_names(names: Names, port: int) -> None:
    with running(Rogue(is_kind=True, address=("127.0.0.1", _SERVES))) as first:
        wait_until(lambda: _status(port) == 200, "the first to be found", timeout_s=20)
        with running(Rogue(is_kind=True, address=("127.0.0.2", _SERVES))) as second:
            names.addresses.append("127.0.0.2")
            wait_until(lambda: _status(port) == 200 and second.asked != [], "the second to be found", timeout_s=20)
            names.addresses.remove("127.0.0.1")
            wait_until(lambda: _is_left_alone(port, first), "the first to be forgotten", timeout_s=20)
            asked_before = len(second.asked)
            assert [_status(port) for _ in range(5)] == [200] * 5
            assert len(second.asked) == asked_before + 5


def _status(port: int) -> int:
    try:
        return ask(port, "/api/v1/items").status
    except OSError:
        return 0


def _is_left_alone(port: int, server: Rogue) -> bool:
    before = len(server.asked)
    statuses = [_status(port) for _ in range(10)]
    return len(server.asked) == before and set(statuses) == {200}
