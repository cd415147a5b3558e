"""How the threads of a server share its connections: one answers while nothing waits, and another goes on when something does."""

import signal
import socket
from contextlib import ExitStack, suppress

import psutil
import pytest

from deploy.servers.waiting import wait_until
from tests.e2e.bare_server import BEGUN, LIVE, PATIENCE_S, Server, Start, send, status_on

pytestmark = pytest.mark.nightly("postgresql")  # the database has no part in it

ONE_WORKER = "--workers=1"
KEPT = LIVE.replace(b"close", b"keep-alive")


def answers_on(connection: socket.socket, count: int) -> list[bytes]:
    """Read so many answers with an empty body or one of known length; return their status lines."""
    lines = []
    reader = connection.makefile("rb")
    for _ in range(count):
        lines.append(reader.readline().strip())
        length = 0
        while (header := reader.readline().strip()) != b"":
            name, _, value = header.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        reader.read(length)
    return lines


def is_answered_within(seconds: float, connection: socket.socket) -> bool:
    connection.settimeout(seconds)
    with suppress(TimeoutError):
        return connection.recv(4096).startswith(b"HTTP/1.1 200")
    return False


def ask(server: Server) -> int:
    return status_on(send(server, LIVE))


def test_requests_that_wait_hold_up_none_while_a_thread_is_free(start: Start) -> None:
    server = start(GUNICORN_CMD_ARGS=ONE_WORKER, GDMARKET_THREADS="4")
    begun = [send(server, BEGUN) for _ in range(3)]

    assert [ask(server) for _ in range(20)] == [200] * 20

    for connection in begun:
        connection.sendall(b"}")
    assert [status_on(connection) for connection in begun] == [400] * 3


def test_when_all_threads_wait_the_next_request_is_answered_as_soon_as_one_is_free(start: Start) -> None:
    server = start(GUNICORN_CMD_ARGS=ONE_WORKER, GDMARKET_THREADS="2")
    begun = [send(server, BEGUN) for _ in range(2)]
    waiting = [send(server, LIVE) for _ in range(10)]

    begun[0].sendall(b"}")

    assert status_on(begun[0]) == 400
    assert [status_on(connection) for connection in waiting] == [200] * 10
    begun[1].sendall(b"}")
    assert status_on(begun[1]) == 400


def test_many_more_connections_than_threads_are_kept_and_answered(start: Start) -> None:
    server = start(GUNICORN_CMD_ARGS=ONE_WORKER, GDMARKET_THREADS="2")
    with ExitStack() as connections:
        kept = [connections.enter_context(send(server, KEPT)) for _ in range(40)]
        assert [answers_on(connection, 1) for connection in kept] == [[b"HTTP/1.1 200 OK"]] * 40
        for connection in kept:
            connection.sendall(KEPT)
        assert [answers_on(connection, 1) for connection in kept] == [[b"HTTP/1.1 200 OK"]] * 40


def test_requests_sent_at_once_on_one_connection_are_all_answered(start: Start) -> None:
    server = start(GUNICORN_CMD_ARGS=ONE_WORKER)
    with send(server, KEPT * 5) as connection:
        assert answers_on(connection, 5) == [b"HTTP/1.1 200 OK"] * 5


@pytest.mark.parametrize(("worker", "is_answered"), [("config.worker.DrainingWorker", True), ("gthread", False)])
def test_clients_that_do_not_close_their_connections_hold_up_nobody(start: Start, worker: str, is_answered: bool) -> None:
    server = start(GUNICORN_CMD_ARGS=f"{ONE_WORKER} --worker-class={worker}", GDMARKET_THREADS="4")
    with ExitStack() as connections:
        for _ in range(3):
            answered = connections.enter_context(send(server, LIVE))
            while answered.recv(4096):
                pass  # and it stays open on this side, for which gunicorn waits 2 s
        assert is_answered_within(1.0, connections.enter_context(send(server, LIVE))) is is_answered


def test_idle_connections_make_room_for_others(start: Start) -> None:
    server = start(GUNICORN_CMD_ARGS=f"{ONE_WORKER} --worker-connections=20", GDMARKET_THREADS="4")
    with ExitStack() as connections:
        for request in [b"", KEPT] * 10:
            connections.enter_context(send(server, request))
        assert is_answered_within(5.0, connections.enter_context(send(server, LIVE)))


def test_without_a_free_file_no_connection_is_accepted_and_the_worker_rests(start: Start) -> None:
    server = start(GUNICORN_CMD_ARGS=ONE_WORKER)
    [worker] = server.workers()
    limit = worker.rlimit(psutil.RLIMIT_NOFILE)
    worker.rlimit(psutil.RLIMIT_NOFILE, (3, limit[1]))
    with ExitStack() as connections:
        waiting = connections.enter_context(send(server, LIVE))
        wait_until(lambda: "No connection can be accepted" in server.output.read_text(), "the refusal", timeout_s=5)
        before = sum(worker.cpu_times()[:2])
        assert not is_answered_within(2.0, waiting)
        assert sum(worker.cpu_times()[:2]) - before < 0.5
        worker.rlimit(psutil.RLIMIT_NOFILE, limit)
        assert is_answered_within(5.0, waiting)


def test_a_server_that_ends_closes_the_connections_that_it_kept(start: Start) -> None:
    server = start()
    with send(server, KEPT) as kept:
        assert answers_on(kept, 1) == [b"HTTP/1.1 200 OK"]
        server.process.send_signal(signal.SIGTERM)
        assert kept.recv(1) == b""
    assert server.process.wait(PATIENCE_S) == 0
