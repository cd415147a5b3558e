"""HAProxy with deploy/gateway/haproxy.cfg, in front of real servers."""

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from deploy.local.cluster import Cluster
from deploy.local.gateway import CONFIGURATION
from deploy.servers.waiting import wait_until
from tests.system.edge import StubServer, extra_server, gateway, running, send, send_raw

WRONG_LOGIN: dict[str, Any] = {
    "method": "POST",
    "body": b'{"email": "nobody@example.com", "password": "wrong-on-purpose"}',
    "Content_Type": "application/json",
}


@pytest.fixture
def echo() -> Iterator[StubServer]:
    with running(StubServer(echoes=True)) as server:
        yield server


@pytest.mark.parametrize("settings", [{}, {"GATEWAY_SOCKET": "/nowhere/edge.sock"}, {"GATEWAY_BIND": "[::1]:8443"}])
def test_haproxy_accepts_the_configuration_without_a_warning(settings: dict[str, str], tmp_path: Path) -> None:
    program = shutil.which("haproxy") or "/usr/sbin/haproxy"
    checked = subprocess.run(
        [program, "-c", "-f", str(CONFIGURATION)], cwd=tmp_path, env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    # The file with the servers' state does not exist yet.
    assert [line for line in checked.stderr.splitlines() if "[WARNING]" in line and "server state file" not in line] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 302),
        ("/health/ready", 200),
        ("/api/v1/items?limit=1", 200),
        ("/api/v1/categories", 200),
        ("/api/v1/places", 401),
        (f"/api/v1/places/{UUID(int=1)}", 401),
        ("/api/v1/rentals", 401),
        ("/api/v1/status/items", 401),
        ("/api/v1/auth/token", 405),
        ("/api/v1/payments/webhooks/http", 405),
        ("/api/v1/schema", 200),
        ("/api/v1/docs", 200),
        ("/admin/login/", 200),
        ("/static/market/leaf.svg", 200),
        ("/media/photos/none.webp", 404),
        ("/i18n/setlang/", 302),
    ],
)
def test_every_public_path_is_routed(cluster: Cluster, path: str, status: int) -> None:
    assert send(cluster.port, path).status == status


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/METRICS", "//metrics", "/%6detrics", "/health/live", "/health", "/api/v1/itemsx", "/api/v2/items", "/.env", "/adminx"],
)
def test_no_other_path_is_routed(cluster: Cluster, path: str) -> None:
    answer = send(cluster.port, path)
    assert (answer.status, answer.problem["code"]) == (404, "not_found")


def test_the_gateway_s_errors_have_the_form_of_the_api_s(cluster: Cluster) -> None:
    gateway_s, api_s = (send(cluster.port, path).problem for path in ("/metrics", "/api/v1/items/none-of-ours"))
    assert {name: value for name, value in gateway_s.items() if name != "correlation_id"} == {
        name: value for name, value in api_s.items() if name != "correlation_id"
    }


def test_a_correlation_id_is_passed_on_and_returned(cluster: Cluster) -> None:
    correlation_id = "a-Correlation_id.1"
    assert send(cluster.port, "/api/v1/items?limit=1", X_Correlation_ID=correlation_id).headers["x-correlation-id"] == correlation_id
    assert send(cluster.port, "/metrics", X_Correlation_ID=correlation_id).problem["correlation_id"] == correlation_id


@pytest.mark.parametrize("malformed", ["", "a" * 65, "one, two", 'quote"', "semi;colon", "ünïcode".encode().decode("latin-1")])
def test_a_malformed_correlation_id_is_replaced(echo: StubServer, malformed: str) -> None:
    with gateway(servers={"web1": echo.port}) as edge:
        seen = dict(json.loads(send(edge.port, "/api/v1/items", X_Correlation_ID=malformed).body))
    assert UUID(seen["x-correlation-id"]).version == 4


def test_two_correlation_ids_are_replaced_by_one(echo: StubServer) -> None:
    with gateway(servers={"web1": echo.port}) as edge:
        connection = send_raw(edge.port, b"GET /api/v1/items HTTP/1.0\r\nHost: x\r\nX-Correlation-ID: one\r\nX-Correlation-ID: two\r\n\r\n")
        with connection:
            body = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")[2]
    ids = [value for name, value in json.loads(body) if name == "x-correlation-id"]
    assert [len(ids), UUID(ids[0]).version] == [1, 4]


def test_forwarding_headers_of_a_client_are_dropped(echo: StubServer) -> None:
    with gateway(servers={"web1": echo.port}) as edge:
        seen = json.loads(
            send(
                edge.port,
                "/api/v1/items",
                Host="market.example.com",
                X_Forwarded_For="6.6.6.6, 7.7.7.7",
                X_Forwarded_Proto="https",
                X_Forwarded_Host="evil.example.com",
                X_Forwarded_Port="666",
                X_Real_IP="6.6.6.6",
                Forwarded="for=6.6.6.6",
            ).body
        )
    forwarded = sorted((name, value) for name, value in seen if name.startswith(("x-forwarded", "x-real", "forwarded")))
    assert forwarded == [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-host", "market.example.com"), ("x-forwarded-proto", "http")]


def test_a_forged_address_does_not_evade_the_api_s_throttle(cluster: Cluster) -> None:
    with extra_server(cluster, GDMARKET_THROTTLE_ANON="3/day") as web, gateway(servers={"web1": web.port}) as edge:
        statuses = [send(edge.port, "/api/v1/items?limit=1", X_Forwarded_For=f"6.6.6.{number}").status for number in range(5)]
    assert statuses == [200, 200, 200, 429, 429]


def test_a_body_may_have_256_kib(cluster: Cluster) -> None:
    large, too_large = b'"%s"' % (b"x" * (256 * 1024 - 2)), b'"%s"' % (b"x" * (256 * 1024 - 1))
    json_type = {"Content_Type": "application/json"}
    assert send(cluster.port, "/api/v1/auth/token", method="POST", body=large, **json_type).status == 400
    refused = send(cluster.port, "/api/v1/auth/token", method="POST", body=too_large, **json_type)
    assert (refused.status, refused.problem["code"]) == (413, "body_too_large")


def test_a_chunked_body_may_not_have_more(cluster: Cluster) -> None:
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    head = b"POST /api/v1/auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with send_raw(cluster.port, head + chunk * 9) as connection:
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("method", "path", "length", "status"),
    [
        ("POST", f"/api/v1/items/{UUID(int=1)}/photos", 25 * 2**20, 401),
        ("POST", f"/api/v1/items/{UUID(int=1)}/photos", 26 * 2**20, 413),
        ("PATCH", f"/api/v1/items/{UUID(int=1)}/photos", 2**20, 413),
        ("POST", f"/api/v1/items/{UUID(int=1)}/photos/{UUID(int=1)}", 2**20, 413),
        ("POST", "/api/v1/items", 2**20, 413),
    ],
)
def test_a_photo_may_have_25_mib_at_its_own_route(cluster: Cluster, method: str, path: str, length: int, status: int) -> None:
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data\r\nContent-Length: {length}\r\n\r\n"
    with send_raw(cluster.port, head.encode() + bytes(300_000)) as connection:
        assert connection.recv(65536).startswith(b"HTTP/1.1 %d " % status)


def test_headers_and_addresses_have_a_limit(cluster: Cluster) -> None:
    wide = send(cluster.port, "/api/v1/items", X_Wide="x" * 9000)
    long = send(cluster.port, f"/api/v1/items?q={'x' * 5000}")
    assert [(answer.status, answer.problem["code"]) for answer in (wide, long)] == [(431, "headers_too_large"), (414, "address_too_long")]


def test_slow_clients_block_no_other(cluster: Cluster) -> None:
    """Negative control: the same clients, without the gateway, take every thread of the server."""
    slow_body = b"POST /api/v1/auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n{"
    with ExitStack() as stack:
        web = stack.enter_context(extra_server(cluster, GDMARKET_THREADS="2"))

        def connect(port: int, data: bytes) -> socket.socket:
            return stack.enter_context(send_raw(port, data))

        with gateway(servers={"web1": web.port}) as edge:
            slow = [connect(edge.port, slow_body) for _ in range(20)]
            slow += [connect(edge.port, b"GET /api/v1/items HTTP/1.1\r\nHost: loc") for _ in range(20)]
            assert [send(edge.port, "/api/v1/items?limit=1").status for _ in range(5)] == [200] * 5
            assert slow[0].recv(65536).startswith(b"HTTP/1.1 408 ")
            assert slow[-1].recv(65536).startswith(b"HTTP/1.1 408 ")
        for _ in range(2):
            connect(web.port, slow_body)
        waiting = connect(web.port, b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        waiting.settimeout(3)
        with pytest.raises(TimeoutError):
            waiting.recv(1)


def test_a_client_above_the_rate_limit_gets_429_with_retry_after(cluster: Cluster) -> None:
    with gateway(servers={"web1": cluster.webs[0].port}, GATEWAY_RATE="10") as edge:
        answers = [send(edge.port, "/api/v1/items?limit=1") for _ in range(14)]
    assert [answer.status for answer in answers] == [200] * 10 + [429] * 4
    assert (answers[-1].headers["retry-after"], answers[-1].problem["code"]) == ("10", "throttled")


def test_signing_in_has_a_lower_rate_of_its_own(echo: StubServer) -> None:
    refresh = "/api/v1/auth/token/refresh"
    paths = [refresh, "/api/v1/auth/register", "/api/v1/auth/token", "/admin/login/?next=/admin/", "/admin/%6cogin/", f"{refresh}/../"]
    with gateway(servers={"web1": echo.port}, GATEWAY_AUTH_RATE="4") as edge:
        assert [send(edge.port, path, method="POST").status for path in paths] == [200] * 5 + [429]
        refused = send(edge.port, "/api/v1/auth/token", method="POST")
        assert (refused.status, refused.problem["code"], refused.headers["retry-after"]) == (429, "throttled", "10")
        assert send(edge.port, "/admin/login/").status == 200
        assert [send(edge.port, path, method="POST").status for path in (refresh, "/api/v1/rentals")] == [200, 200]
    assert echo.requests.count("POST") == 5 + 2


def test_a_client_has_a_limited_number_of_connections(cluster: Cluster) -> None:
    with gateway(servers={"web1": cluster.webs[0].port}, GATEWAY_CONNECTIONS="5") as edge:
        connections = [socket.create_connection(("127.0.0.1", edge.port)) for _ in range(9)]
        assert sum(map(_is_held, connections)) == 5


def test_reads_are_retried_on_another_server_and_writes_never(cluster: Cluster) -> None:
    with (
        running(StubServer()) as broken,
        gateway(servers={"web1": broken.port, "web2": cluster.webs[0].port, "web3": cluster.webs[1].port}) as edge,
    ):
        read = [send(edge.port, "/api/v1/items?limit=1").status for _ in range(12)]
        assert (set(read), "GET" in broken.requests) == ({200}, True)
        broken.requests.clear()
        written = [send(edge.port, "/api/v1/auth/token", **WRONG_LOGIN) for _ in range(12)]
    lost = [answer for answer in written if answer.status == 502]
    assert {401, 502} <= {answer.status for answer in written} <= {401, 429, 502}
    assert broken.requests == ["POST"] * len(lost)
    assert (lost[0].problem["code"], lost[0].headers["retry-after"]) == ("answer_lost", "1")


def test_a_write_that_reached_no_server_is_retried_on_another(cluster: Cluster) -> None:
    with gateway(servers={}) as edge:
        with running(StubServer()) as gone:
            edge.enable(slot="web1", port=gone.port)
        edge.enable(slot="web2", port=cluster.webs[0].port)
        written = [send(edge.port, "/api/v1/auth/token", **WRONG_LOGIN).status for _ in range(6)]
    assert set(written) <= {401, 429}  # 429: the API's own limit on wrong passwords


def test_without_a_server_the_answer_is_503_with_retry_after() -> None:
    with gateway(servers={}) as edge:
        answers = [send(edge.port, path) for path in ("/api/v1/items", "/health/ready")]
    assert [(answer.status, answer.problem["code"], answer.headers["retry-after"]) for answer in answers] == [(503, "unavailable", "1")] * 2


def test_the_log_has_the_correlation_id_and_nothing_private(cluster: Cluster) -> None:
    id_, secret = "correlation-in-the-log", "canary-e7f1"
    send(
        cluster.port,
        f"/api/v1/items?q={secret}",
        X_Correlation_ID=id_,
        Authorization=f"Bearer {secret}",
        Cookie=f"sessionid={secret}",
    )
    send(cluster.port, f"/nowhere/{secret}", X_Correlation_ID=id_)
    log = cluster.gateway.log
    wait_until(lambda: log.read_text().count(id_) == 2, "two lines", timeout_s=10)
    lines = [json.loads(line) for line in log.read_text().splitlines() if id_ in line]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [("GET", "/api/v1/items", 401), ("GET", "-", 404)]
    assert secret not in log.read_text()


def test_a_killed_gateway_restarts_with_its_servers(cluster: Cluster) -> None:
    with gateway(servers={"web3": cluster.webs[0].port}) as edge:
        os.kill(edge.pid, signal.SIGKILL)
        wait_until(lambda: _answers(edge.port), "the gateway to be back", timeout_s=20)
        assert [send(edge.port, "/api/v1/items?limit=1").status for _ in range(5)] == [200] * 5


def _is_held(connection: socket.socket) -> bool:
    with connection:
        connection.settimeout(0.5)
        try:
            return connection.recv(1) != b""
        except TimeoutError:
            return True
        except OSError:
            return False


def _answers(port: int) -> bool:
    try:
        return send(port, "/api/v1/items?limit=1").status == 200
    except OSError:
        return False
