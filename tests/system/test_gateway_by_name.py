"""The gateway finds its servers by DNS, as in Compose and on a cluster."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.gateway import CONFIGURATION
from deploy.servers.ports import free_port
from deploy.servers.waiting import wait_until
from tests.system.dns import DnsServer
from tests.system.edge import StubServer, running, send


@pytest.fixture
def port(dns: DnsServer, tmp_path: Path) -> Iterator[int]:
    """Return the port of a gateway that resolves its servers by `dns`."""
    port = free_port()
    environment = {"GATEWAY_BIND": f"127.0.0.1:{port}", "GATEWAY_WEB": f"web:{_SERVER_PORT}", "GATEWAY_RESOLVER": dns.address}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", str(CONFIGURATION)], env={**os.environ, **environment}, stdout=log
        )
    yield port
    process.kill()
    process.wait()


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    server = DnsServer("127.0.0.1")
    with server.running():
        yield server


_SERVER_PORT = free_port()


def test_servers_are_added_and_removed_with_their_dns_records(dns: DnsServer, port: int) -> None:
    with running(StubServer(echoes=True, address=("127.0.0.1", _SERVER_PORT))) as first:
        wait_until(lambda: _status(port) == 200, "the first to be found", timeout_s=20)
        with running(StubServer(echoes=True, address=("127.0.0.2", _SERVER_PORT))) as second:
            dns.addresses.append("127.0.0.2")
            wait_until(lambda: _status(port) == 200 and second.requests != [], "the second to be found", timeout_s=20)
            dns.addresses.remove("127.0.0.1")
            wait_until(lambda: _gets_no_requests(port, first), "the first to be removed", timeout_s=20)
            requests_before = len(second.requests)
            assert [_status(port) for _ in range(5)] == [200] * 5
            assert len(second.requests) == requests_before + 5


def _status(port: int) -> int:
    try:
        return send(port, "/api/v1/items").status
    except OSError:
        return 0


def _gets_no_requests(port: int, server: StubServer) -> bool:
    before = len(server.requests)
    statuses = [_status(port) for _ in range(10)]
    return len(server.requests) == before and set(statuses) == {200}
