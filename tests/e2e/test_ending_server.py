"""A server that is told to end leaves no connection unanswered; gunicorn's own worker, the control, does."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from deploy.servers.waiting import wait_until
from tests.e2e.bare_server import Server

PATIENCE_S = 15.0
LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
# A request whose body is not there yet.
BEGUN = (
    b"POST /api/v1/auth/token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\n\r\n{"
)
CONTROL = {"GUNICORN_CMD_ARGS": "--worker-class=gthread"}
Start = Callable[..., Server]


@pytest.fixture
def start(process_environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    servers: list[Server] = []

    def start(**settings: str) -> Server:
        servers.append(Server(process_environment | {"GDMARKET_LOG_LEVEL": "INFO"} | settings, port=0, output=tmp_path / "output"))
        return servers[-1]

    yield start
    for server in servers:
        family = [server.process, *server.process.children(recursive=True)] if server.process.is_running() else []
        for process in family:
            process.kill()
        server.process.wait()


def send(server: Server, data: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
    connection.sendall(data)
    return connection


def status_on(connection: socket.socket) -> int:
    """Return the status that is answered; 0 where the connection is closed or reset without an answer."""
    with closing(connection), suppress(ConnectionResetError):
        if answer := connection.recv(4096):
            return int(answer.split()[1])
    return 0


def is_refused(server: Server) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", server.port)) != 0


def test_a_server_that_ends_refuses_connections_and_finishes_its_requests(start: Start) -> None:
    server = start()
    begun = send(server, BEGUN)
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: is_refused(server), "the refusal", timeout_s=5)
    begun.sendall(b"}")
    assert status_on(begun) == 400
    assert server.process.wait(PATIENCE_S) == 0


def test_gunicorn_s_own_worker_takes_a_connection_that_it_never_answers(start: Start) -> None:
    server = start(**CONTROL)
    begun = send(server, BEGUN)
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: len(server.workers()) == 1, "the end of the idle worker", timeout_s=5)
    unanswered = send(server, LIVE)
    begun.sendall(b"}")
    assert status_on(begun) == 400
    assert status_on(unanswered) == 0


@pytest.mark.parametrize(("settings", "is_answered"), [({}, True), (CONTROL, False)])
def test_connections_that_the_kernel_has_taken_are_answered(start: Start, settings: dict[str, str], is_answered: bool) -> None:
    server = start(**settings)
    workers = server.workers()
    for worker in workers:
        worker.suspend()
    waiting = [send(server, LIVE) for _ in range(12)]
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: "Handling signal: term" in server.output.read_text(), "the signal", timeout_s=5)
    for worker in workers:
        worker.resume()
    statuses = [status_on(connection) for connection in waiting]
    assert (statuses == [200] * 12) is is_answered, statuses
    assert server.process.wait(PATIENCE_S) == 0


def test_a_server_that_drains_is_not_ready_and_still_answers(start: Start) -> None:
    server = start(GDMARKET_DRAIN_S="3")
    assert status_on(send(server, LIVE.replace(b"live", b"ready"))) == 200
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: status_on(send(server, LIVE.replace(b"live", b"ready"))) == 503, "the server to be not ready", timeout_s=2)
    assert [status_on(send(server, LIVE)) for _ in range(8)] == [200] * 8
    assert server.process.wait(PATIENCE_S) == 0
