"""The bench's client reads every kind of answer, and counts what failed."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, repeat
from time import perf_counter

import pytest

from bench.wire import Scenario, closed_loop, exchanges
from deploy.client import Request


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(404 if self.path == "/missing" else 200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"3\r\none\r\n4\r\n two\r\n0\r\n\r\n")
            return
        if self.path == "/closing":
            self.send_header("Connection", "close")
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"whole")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.close_connection = True  # without an answer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its own name
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_a_client_is_sent_each_answer_and_goes_on_after_a_broken_connection(port: int) -> None:
    seen = []

    def scenario() -> Scenario:
        seen.append((yield Request(path="/whole")))
        seen.append((yield Request(path="/chunked")))
        seen.append((yield Request(method="POST", path="/", body={})))
        seen.append((yield Request(path="/closing")))
        seen.append((yield Request(path="/missing")))

    statuses = [status for _, _, status in exchanges(port=port, scenarios=[scenario()], ends=perf_counter() + 60)]

    assert seen == [(200, b"whole"), (200, b"one two"), (0, b""), (200, b"whole"), (404, b"whole")]
    assert statuses == [200, 200, 0, 200, 404]


def test_a_closed_loop_counts_answers_and_failures_of_all_clients(port: int) -> None:
    clients = count()

    def requests(number: int) -> Iterator[Request]:
        next(clients)
        return repeat(Request(path="/missing" if number else "/whole"))

    measured = closed_loop(port=port, requests=requests, clients=2, seconds=0.3)

    assert next(clients) == 2
    assert 0 < measured.failed < measured.answered
    assert 0 < measured.p50_ms <= measured.p99_ms
