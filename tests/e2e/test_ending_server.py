"""A server that is told to end leaves no connection unanswered; gunicorn's own worker, the control, does."""

import signal
import socket
import time
from contextlib import suppress

import psutil
import pytest

from deploy.servers.waiting import wait_until
from tests.e2e.bare_server import BEGUN, LIVE, PATIENCE_S, Server, Start, send, status_on

pytestmark = pytest.mark.nightly("postgresql")  # the database has no part in it

CONTROL = {"GUNICORN_CMD_ARGS": "--worker-class=gthread"}


def is_refused(server: Server) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", server.port)) != 0


def both_workers(server: Server) -> list[psutil.Process]:
    """Return the two workers; the second may start later than the first answers."""
    wait_until(lambda: len(server.workers()) == 2, "the second worker")
    return server.workers()


def is_answered(connection: socket.socket) -> bool:
    """Return whether an answer comes soon; the busy worker may hear of the signal a little later than the idle one."""
    connection.settimeout(0.5)
    with suppress(TimeoutError):
        return bool(connection.recv(4096))
    connection.settimeout(PATIENCE_S)
    return False


def test_a_server_that_ends_refuses_connections_and_finishes_its_requests(start: Start) -> None:
    server = start()
    begun = send(server, BEGUN)
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: is_refused(server), "the refusal", timeout_s=5)
    begun.sendall(b"}")
    assert status_on(begun) == 400
    assert server.process.wait(PATIENCE_S) == 0


def test_a_worker_that_is_only_starting_ends_with_its_server(start: Start) -> None:
    server = start(config="tests.e2e.slow_second_worker")
    both_workers(server)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE_S) == 0  # graceful_timeout, after which it is killed, is longer


def test_gunicorn_s_own_worker_takes_a_connection_that_it_never_answers(start: Start) -> None:
    server = start(**CONTROL)
    both_workers(server)
    time.sleep(0.5)  # a worker that has just been forked does not hear signals yet
    begun = send(server, BEGUN)
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: len(server.workers()) == 1, "the end of the idle worker", timeout_s=5)
    unanswered = next(connection for connection in iter(lambda: send(server, LIVE), None) if not is_answered(connection))
    begun.sendall(b"}")
    assert status_on(begun) == 400
    assert status_on(unanswered) == 0


@pytest.mark.parametrize(("settings", "is_answered"), [({}, True), (CONTROL, False)])
def test_connections_that_the_kernel_has_taken_are_answered(start: Start, settings: dict[str, str], is_answered: bool) -> None:
    server = start(**settings)
    workers = both_workers(server)
    for worker in workers:
        worker.suspend()
    waiting = [send(server, LIVE) for _ in range(12)]
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: "Handling signal: term" in server.output.read_text(), "the signal", timeout_s=5)
    for worker in workers:
        worker.terminate()  # gunicorn may not have told it yet; the same signal twice is one while it is suspended
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
