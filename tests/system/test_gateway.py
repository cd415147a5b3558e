"""The gateway as the world meets it: a real HAProxy with deploy/gateway/haproxy.cfg, in front of real servers."""

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from deploy.local.cluster import Cluster
from deploy.local.gateway import CONFIGURATION
from deploy.servers.waiting import wait_until
from tests.system.edge import Rogue, ask, gateway, running, say

OWN_WORDS = b'{"email": "nobody@example.com", "password": "wrong-on-purpose"}'


@pytest.fixture
def echo() -> Iterator[Rogue]:
    with running(Rogue(is_kind=True)) as server:
        yield server


@pytest.mark.parametrize("settings", [{}, {"GATEWAY_SOCKET": "/nowhere/edge.sock"}, {"GATEWAY_BIND": "[::1]:8443"}])
def test_haproxy_has_nothing_to_say_against_the_configuration(settings: dict[str, str], tmp_path: Path) -> None:
    program = shutil.which("haproxy") or "/usr/sbin/haproxy"
    checked = subprocess.run(
        [program, "-c", "-f", str(CONFIGURATION)], cwd=tmp_path, env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    # There is no file yet of where the servers were.
    assert [line for line in checked.stderr.splitlines() if "[WARNING]" in line and "server state file" not in line] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 302),
        ("/health/ready", 200),
        ("/api/v1/items?limit=1", 200),
        ("/api/v1/rentals", 401),
        ("/api/v1/status/items", 401),
        ("/api/v1/auth/token", 405),
        ("/api/v1/payments/webhooks/http", 405),
        ("/api/v1/schema", 200),
        ("/api/v1/docs", 200),
        ("/admin/login/", 200),
        ("/static/market/leaf.svg", 200),
        ("/i18n/setlang/", 302),
    ],
)
def test_every_context_is_behind_the_one_edge(cluster: Cluster, path: str, status: int) -> None:
    assert ask(cluster.port, path).status == status


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/METRICS", "//metrics", "/%6detrics", "/health/live", "/health", "/api/v1/itemsx", "/api/v2/items", "/.env", "/adminx"],
)
def test_there_is_nothing_else_out_here(cluster: Cluster, path: str) -> None:
    answer = ask(cluster.port, path)
    assert (answer.status, answer.problem["code"]) == (404, "not_found")


def test_a_refusal_of_the_gateway_reads_as_one_of_the_market(cluster: Cluster) -> None:
    ours, theirs = (ask(cluster.port, path).problem for path in ("/metrics", "/api/v1/items/none-of-ours"))
    assert {name: value for name, value in ours.items() if name != "correlation_id"} == {
        name: value for name, value in theirs.items() if name != "correlation_id"
    }


def test_a_story_s_id_is_passed_on_and_comes_back(cluster: Cluster) -> None:
    story = "a-Story_of.mine-1"
    assert ask(cluster.port, "/api/v1/items?limit=1", X_Correlation_ID=story).headers["x-correlation-id"] == story
    assert ask(cluster.port, "/metrics", X_Correlation_ID=story).problem["correlation_id"] == story


@pytest.mark.parametrize("hostile", ["", "a" * 65, "one, two", 'quote"', "semi;colon", "ünïcode".encode().decode("latin-1")])
def test_a_hostile_id_is_replaced(echo: Rogue, hostile: str) -> None:
    with gateway(servers={"web1": echo.port}) as edge:
        seen = dict(json.loads(ask(edge.port, "/api/v1/items", X_Correlation_ID=hostile).body))
    assert UUID(seen["x-correlation-id"]).version == 4


def test_of_two_ids_neither_is_believed(echo: Rogue) -> None:
    with gateway(servers={"web1": echo.port}) as edge:
        line = say(edge.port, b"GET /api/v1/items HTTP/1.0\r\nHost: x\r\nX-Correlation-ID: one\r\nX-Correlation-ID: two\r\n\r\n")
        with line:
            body = b"".join(iter(lambda: line.recv(65536), b"")).partition(b"\r\n\r\n")[2]
    ids = [value for name, value in json.loads(body) if name == "x-correlation-id"]
    assert [len(ids), UUID(ids[0]).version] == [1, 4]


def test_what_a_client_says_of_where_it_comes_from_is_dropped(echo: Rogue) -> None:
    with gateway(servers={"web1": echo.port}) as edge:
        seen = json.loads(
            ask(
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
    told = sorted((name, value) for name, value in seen if name.startswith(("x-forwarded", "x-real", "forwarded")))
    assert told == [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-host", "market.example.com"), ("x-forwarded-proto", "http")]


def test_a_forged_address_does_not_get_round_the_market_s_own_throttle(cluster: Cluster) -> None:
    web = cluster.start_web(GDMARKET_THROTTLE_ANON="3/hour")
    try:
        wait_until(lambda: cluster.is_ready(web), "the server to be ready")
        with gateway(servers={"web1": web.port}) as edge:
            statuses = [ask(edge.port, "/api/v1/items?limit=1", X_Forwarded_For=f"6.6.6.{number}").status for number in range(5)]
    finally:
        web.supervisor.stop()
        cluster.webs.remove(web)
    assert statuses == [200, 200, 200, 429, 429]


def test_a_body_may_have_256_kib(cluster: Cluster) -> None:
    large, too_large = b'"%s"' % (b"x" * (256 * 1024 - 2)), b'"%s"' % (b"x" * (256 * 1024 - 1))
    json_type = {"Content_Type": "application/json"}
    assert ask(cluster.port, "/api/v1/auth/token", method="POST", body=large, **json_type).status == 400
    refused = ask(cluster.port, "/api/v1/auth/token", method="POST", body=too_large, **json_type)
    assert (refused.status, refused.problem["code"]) == (413, "body_too_large")


def test_a_body_that_does_not_tell_its_length_may_not_have_more(cluster: Cluster) -> None:
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    head = b"POST /api/v1/auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with say(cluster.port, head + chunk * 9) as line:
        assert line.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_headers_and_addresses_have_a_limit(cluster: Cluster) -> None:
    wide = ask(cluster.port, "/api/v1/items", X_Wide="x" * 9000)
    long = ask(cluster.port, f"/api/v1/items?q={'x' * 5000}")
    assert [(answer.status, answer.problem["code"]) for answer in (wide, long)] == [(431, "headers_too_large"), (414, "address_too_long")]


def test_slow_clients_keep_nobody_waiting(cluster: Cluster) -> None:
    """Negative control: the same clients, without the gateway, take every thread of the server."""
    web = cluster.start_web(GDMARKET_THREADS="2")
    slow_body = b"POST /api/v1/auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n{"
    lines: list[socket.socket] = []
    try:
        wait_until(lambda: cluster.is_ready(web), "the server to be ready")
        with gateway(servers={"web1": web.port}) as edge:
            lines += [say(edge.port, slow_body) for _ in range(20)]
            lines += [say(edge.port, b"GET /api/v1/items HTTP/1.1\r\nHost: loc") for _ in range(20)]
            assert [ask(edge.port, "/api/v1/items?limit=1").status for _ in range(5)] == [200] * 5
            assert lines[0].recv(65536).startswith(b"HTTP/1.1 408 ")
            assert lines[-1].recv(65536).startswith(b"HTTP/1.1 408 ")
        lines += [say(web.port, slow_body) for _ in range(2)]
        line = say(web.port, b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        line.settimeout(3)
        with pytest.raises(TimeoutError):
            line.recv(1)
        line.close()
    finally:
        for line in lines:
            line.close()
        web.supervisor.stop()
        cluster.webs.remove(web)


def test_who_asks_too_often_is_told_when_to_come_back(cluster: Cluster) -> None:
    with gateway(servers={"web1": cluster.webs[0].port}, GATEWAY_RATE="10") as edge:
        answers = [ask(edge.port, "/api/v1/items?limit=1") for _ in range(14)]
    assert [answer.status for answer in answers] == [200] * 10 + [429] * 4
    assert (answers[-1].headers["retry-after"], answers[-1].problem["code"]) == ("10", "throttled")


def test_who_holds_too_many_connections_is_cut_off(cluster: Cluster) -> None:
    with gateway(servers={"web1": cluster.webs[0].port}, GATEWAY_CONNECTIONS="5") as edge:
        lines = [socket.create_connection(("127.0.0.1", edge.port)) for _ in range(9)]
        assert sum(map(_is_held, lines)) == 5


def test_what_reads_is_tried_elsewhere_and_what_writes_never(cluster: Cluster) -> None:
    with (
        running(Rogue()) as rogue,
        gateway(servers={"web1": rogue.port, "web2": cluster.webs[0].port, "web3": cluster.webs[1].port}) as edge,
    ):
        read = [ask(edge.port, "/api/v1/items?limit=1").status for _ in range(12)]
        assert (set(read), "GET" in rogue.asked) == ({200}, True)
        rogue.asked.clear()
        written = [ask(edge.port, "/api/v1/auth/token", method="POST", body=OWN_WORDS, Content_Type="application/json") for _ in range(12)]
    broken = [answer for answer in written if answer.status == 502]
    assert {401, 502} <= {answer.status for answer in written} <= {401, 429, 502}
    assert rogue.asked == ["POST"] * len(broken)
    assert (broken[0].problem["code"], broken[0].headers["retry-after"]) == ("answer_lost", "1")


def test_what_reached_nobody_is_tried_elsewhere(cluster: Cluster) -> None:
    with gateway(servers={}) as edge:
        with running(Rogue()) as gone:
            edge.enable(slot="web1", port=gone.port)
        edge.enable(slot="web2", port=cluster.webs[0].port)
        written = [
            ask(edge.port, "/api/v1/auth/token", method="POST", body=OWN_WORDS, Content_Type="application/json").status for _ in range(6)
        ]
    assert set(written) <= {401, 429}  # the market itself, which lets nobody guess passwords for long


def test_with_no_server_the_answer_says_when_to_come_back() -> None:
    with gateway(servers={}) as edge:
        answers = [ask(edge.port, path) for path in ("/api/v1/items", "/health/ready")]
    assert [(answer.status, answer.problem["code"], answer.headers["retry-after"]) for answer in answers] == [(503, "unavailable", "1")] * 2


def test_the_log_tells_the_story_and_nothing_private(cluster: Cluster) -> None:
    story, secret = "story-of-the-log", "canary-e7f1"
    ask(cluster.port, f"/api/v1/items?q={secret}", X_Correlation_ID=story, Authorization=f"Bearer {secret}", Cookie=f"sessionid={secret}")
    ask(cluster.port, f"/nowhere/{secret}", X_Correlation_ID=story)
    log = cluster.gateway.log
    wait_until(lambda: log.read_text().count(story) == 2, "two lines", timeout_s=10)
    lines = [json.loads(line) for line in log.read_text().splitlines() if story in line]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [("GET", "/api/v1/items", 401), ("GET", "-", 404)]
    assert secret not in log.read_text()


def test_a_gateway_that_is_killed_comes_back_with_its_servers(cluster: Cluster) -> None:
    with gateway(servers={"web3": cluster.webs[0].port}) as edge:
        os.kill(edge.pid, signal.SIGKILL)
        wait_until(lambda: _answers(edge.port), "the gateway to be back", timeout_s=20)
        assert [ask(edge.port, "/api/v1/items?limit=1").status for _ in range(5)] == [200] * 5


def _is_held(line: socket.socket) -> bool:
    with line:
        line.settimeout(0.5)
        try:
            return line.recv(1) != b""
        except TimeoutError:
            return True
        except OSError:
            return False


def _answers(port: int) -> bool:
    try:
        return ask(port, "/api/v1/items?limit=1").status == 200
    except OSError:
        return False
