"""Whatever a server does, a call ends in time and says whether anything was sent."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event

import pytest
from django.core.exceptions import ImproperlyConfigured

from apps.payments.gateways.deadline_http import DeadlineHttpClient, HttpResponse, decode
from apps.payments.gateways.port import GatewayError, NoAnswerError, NotSentError
from gdmarket import correlation
from tests.unit.payments.actions import concurrently
from tests.unit.payments.raw_server import Line, RawServer, answer, raw_server

SHORT_S = 0.3
AMPLE_S = 20.0
SLOWLY_S = 0.05


@contextmanager
def connected(talk: Callable[[Line], None]) -> Iterator[tuple[DeadlineHttpClient, RawServer]]:
    """Give a client of a server that answers with `talk`."""
    with raw_server(talk) as server:
        client = DeadlineHttpClient(base_url=server.url, headers={"Authorization": "Basic c2VjcmV0Og=="})
        yield client, server
        client.close()


def always(data: bytes) -> Callable[[Line], None]:
    """Answer every request with these bytes."""

    def talk(line: Line) -> None:
        while line.read_request():
            line.write(data)

    return talk


def post(http: DeadlineHttpClient, *, deadline_s: float = AMPLE_S) -> HttpResponse:
    return http.send(method="POST", path="/v1/charges", body=b"{}", deadline_s=deadline_s)


def refusal(http: DeadlineHttpClient, *, deadline_s: float = AMPLE_S) -> GatewayError:
    with pytest.raises(GatewayError) as refused:
        post(http, deadline_s=deadline_s)
    return refused.value


def test_a_request_is_sent_and_its_response_returned() -> None:
    with connected(always(answer(b'{"a":1}', "X-Kind: Good", status="402 Payment Required"))) as (http, server):
        answered = http.send(method="POST", path="/v1/charges?a=b", headers={"Idempotency-Key": "k"}, body=b"{}", deadline_s=AMPLE_S)
        sent = server.lines[0].request.decode()

    assert (answered.status, answered.body, answered.headers["x-kind"]) == (402, b'{"a":1}', "Good")
    assert sent.startswith("POST /v1/charges?a=b HTTP/1.1\r\n")
    assert sent.endswith("\r\n\r\n{}")
    assert {"Idempotency-Key: k", "Authorization: Basic c2VjcmV0Og==", "Content-Length: 2"} <= set(sent.split("\r\n"))


def test_the_trace_is_passed_on() -> None:
    trace = correlation.start(correlation="trace-7")
    with connected(always(answer(b""))) as (http, server), correlation.use(trace):
        post(http)
        sent = server.lines[0].request.decode()

    assert {"X-Correlation-ID: trace-7", f"traceparent: {trace.traceparent}"} <= set(sent.split("\r\n"))


def test_a_connection_is_reused() -> None:
    with connected(always(answer(b"{}"))) as (http, server):
        answers = [post(http) for _ in range(3)]

    assert [answered.status for answered in answers] == [200, 200, 200]
    assert len(server.lines) == 1


def test_concurrent_calls_do_not_wait_for_each_other() -> None:
    together = Event()

    def talk(line: Line) -> None:
        line.read_request()
        if len(server.lines) == 12:
            together.set()
        together.wait(AMPLE_S)
        line.write(answer(b"{}"))

    with connected(talk) as (http, server):
        answers = concurrently([lambda: post(http)] * 12)

    assert [answered.status if isinstance(answered, HttpResponse) else answered for answered in answers] == [200] * 12


def test_a_forked_process_makes_its_own_connections() -> None:
    with connected(always(answer(b"{}"))) as (http, server):
        post(http)
        child = os.fork()
        if child == 0:
            os._exit(0 if post(http).status == 200 else 1)
        _, status = os.waitpid(child, 0)
        post(http)

    assert status == 0
    assert len(server.lines) == 2


def test_redirects_are_not_followed() -> None:
    with raw_server(always(answer(b"{}"))) as other, connected(always(answer(b"", f"Location: {other.url}", status="307 Go"))) as (http, _):
        assert post(http).status == 307

    assert other.lines == []


def test_a_refused_connection_means_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    failure = refusal(DeadlineHttpClient(base_url=f"http://127.0.0.1:{port}"))
    assert (type(failure), failure.reason) == (NotSentError, "connection_refused")


def test_an_unknown_host_means_not_sent() -> None:
    failure = refusal(DeadlineHttpClient(base_url="https://nobody.invalid"))

    assert isinstance(failure, NotSentError)
    assert failure.reason in {"unknown_host", "timed_out"}


def test_a_name_not_resolved_in_time_means_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    over = Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(AMPLE_S) and [])

    failure = refusal(DeadlineHttpClient(base_url="https://slow.example"), deadline_s=SHORT_S)
    over.set()

    assert (type(failure), failure.reason) == (NotSentError, "timed_out")


@pytest.mark.parametrize(
    ("talk", "deadline_s", "reason"),
    [(lambda line: line.hang(), SHORT_S, "timed_out"), (lambda line: line.write(answer(b"{}")), AMPLE_S, "tls_failed")],
)
def test_a_tls_handshake_that_hangs_or_fails_means_not_sent(talk: Callable[[Line], None], deadline_s: float, reason: str) -> None:
    with raw_server(talk) as server:
        failure = refusal(DeadlineHttpClient(base_url=f"https://localhost:{server.port}"), deadline_s=deadline_s)

    assert (type(failure), failure.reason) == (NotSentError, reason)


def test_a_deadline_already_over_means_not_sent() -> None:
    with connected(always(answer(b"{}"))) as (http, server):
        failure = refusal(http, deadline_s=0.0)

    assert (type(failure), failure.reason) == (NotSentError, "timed_out")
    assert server.lines == []


def reset_in_the_response(line: Line) -> None:
    line.write(answer(b"{}" * 20)[:-20])
    line.reset()


def drip_body(line: Line) -> None:
    line.write(answer(b"")[:-23] + b"Content-Length: 200\r\n\r\n")
    line.drip(b"1" * 200, every_s=SLOWLY_S)


def unfinished_chunks(line: Line) -> None:
    line.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8000\r\n" + b"x" * 0x8000 + b"\r\n8000\r\nx")
    line.hang()


def never_ending_headers(line: Line) -> None:
    line.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        line.write(b"X-More: more\r\n")


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (lambda line: line.hang(), "timed_out"),
        (lambda line: line.drip(answer(b"{}", *["X-More: more"] * 20), every_s=SLOWLY_S), "timed_out"),
        (drip_body, "timed_out"),
        (lambda line: line.reset(), "reset"),
        (reset_in_the_response, "reset"),
        (lambda line: line.write(answer(b"{}" * 20)[:-20]), "unreadable"),
        (lambda line: line.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "unreadable"),
        (never_ending_headers, "unreadable"),
        (lambda line: line.write(answer(b"x" * 65_537)), "too_large"),
        (unfinished_chunks, "timed_out"),
    ],
)
def test_a_failure_after_the_first_byte_means_no_answer(talk: Callable[[Line], None], reason: str) -> None:
    def read_and_talk(line: Line) -> None:
        line.read_request()
        talk(line)

    with connected(read_and_talk) as (http, server):
        failure = refusal(http, deadline_s=SHORT_S if reason == "timed_out" else AMPLE_S)

    assert (type(failure), failure.reason) == (NoAnswerError, reason)
    assert len(server.lines) == 1  # nothing is ever sent twice


def test_after_a_failure_the_next_call_makes_a_new_connection() -> None:
    def talk(line: Line) -> None:
        if len(server.lines) == 1:
            line.read_request()
            reset_in_the_response(line)
        else:
            always(answer(b"{}"))(line)

    with connected(talk) as (http, server):
        refusal(http)

        assert post(http).status == 200


def test_a_response_may_be_as_large_as_the_caller_allows() -> None:
    with connected(always(answer(b"x" * 100_000))) as (http, _):
        answered = http.send(method="GET", path="/", deadline_s=AMPLE_S, largest_bytes=100_000)

    assert len(answered.body) == 100_000


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        (["Retry-After: 7"], 7.0),
        (["Retry-After: 999999999999"], 3600.0),
        (["Retry-After: Wed, 21 Oct 2026 07:28:30 GMT", "Date: Wed, 21 Oct 2026 07:28:00 GMT"], 30.0),
        (["Retry-After: Wed, 21 Oct 2026 07:27:00 GMT", "Date: Wed, 21 Oct 2026 07:28:00 GMT"], 0.0),
        (["Retry-After: Wed, 21 Oct 2026 07:28:30 GMT"], None),
        (["Retry-After: soon", "Date: Wed, 21 Oct 2026 07:28:00 GMT"], None),
        (["Retry-After: -3"], None),
        ([], None),
    ],
)
def test_retry_after_is_read_within_bounds(headers: list[str], wait_s: float | None) -> None:
    with connected(always(answer(b"", *headers, status="503 Busy"))) as (http, _):
        assert post(http).retry_after_s == wait_s


@pytest.mark.parametrize(
    "base_url",
    [
        "http://pay.example",
        "http://10.0.0.7:80",
        "ftp://localhost",
        "https://",
        "https://me:secret@pay.example",
        "https://pay.example?a",
        "",
    ],
)
def test_an_unsafe_address_is_refused_and_not_shown(base_url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        DeadlineHttpClient(base_url=base_url)

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("base_url", ["https://pay.example/", "http://localhost:9000", "http://127.0.0.1:9000", "http://[::1]:9000"])
def test_a_safe_address_is_accepted(base_url: str) -> None:
    assert DeadlineHttpClient(base_url=base_url)._base_url == base_url.rstrip("/")


def test_plain_http_is_allowed_for_the_named_hosts_alone() -> None:
    DeadlineHttpClient(base_url="http://simulator:8700", insecure_hosts=["simulator"])
    for other in ("http://pay.example", "http://simulator.example", "http://me:secret@simulator", "ftp://simulator"):
        with pytest.raises(ImproperlyConfigured):
            DeadlineHttpClient(base_url=other, insecure_hosts=["simulator"])


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"amount": "7"}', b'{"amount": 7', b"[]", b'{"amount": NaN}', b"\xff"])
def test_json_of_another_shape_is_no_answer(body: bytes) -> None:
    with pytest.raises(NoAnswerError, match="unreadable"):
        decode(HttpResponse(status=200, headers={}, body=body), shape=dict[str, int])


def test_json_of_the_right_shape_is_read() -> None:
    assert decode(HttpResponse(status=200, headers={}, body=b'{"amount": 7}'), shape=dict[str, int]) == {"amount": 7}
