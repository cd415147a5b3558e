"""The wire to a provider: whatever a server does, a call ends in time and says truly whether anything was sent."""

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
from tests.unit.payments.actions import at_once
from tests.unit.payments.raw_server import Line, RawServer, answer, raw_server

SHORT_S = 0.3
AMPLE_S = 20.0
SLOWLY_S = 0.05


@contextmanager
def wired(talk: Callable[[Line], None]) -> Iterator[tuple[DeadlineHttpClient, RawServer]]:
    """Give a wire to a server that talks like this."""
    with raw_server(talk) as server:
        wire = DeadlineHttpClient(base_url=server.url, headers={"Authorization": "Basic c2VjcmV0Og=="})
        yield wire, server
        wire.close()


def always(data: bytes) -> Callable[[Line], None]:
    """HttpResponse every request with these bytes."""

    def talk(line: Line) -> None:
        while line.read_request():
            line.write(data)

    return talk


def ask(http: DeadlineHttpClient, *, deadline_s: float = AMPLE_S) -> HttpResponse:
    return http.send(method="POST", path="/v1/charges", body=b"{}", deadline_s=deadline_s)


def refusal(http: DeadlineHttpClient, *, deadline_s: float = AMPLE_S) -> GatewayError:
    with pytest.raises(GatewayError) as refused:
        ask(http, deadline_s=deadline_s)
    return refused.value


def test_a_request_goes_out_whole_and_its_answer_comes_back() -> None:
    with wired(always(answer(b'{"a":1}', "X-Kind: Good", status="402 Payment Required"))) as (http, server):
        answered = http.send(method="POST", path="/v1/charges?a=b", headers={"Idempotency-Key": "k"}, body=b"{}", deadline_s=AMPLE_S)
        sent = server.lines[0].request.decode()

    assert (answered.status, answered.body, answered.headers["x-kind"]) == (402, b'{"a":1}', "Good")
    assert sent.startswith("POST /v1/charges?a=b HTTP/1.1\r\n")
    assert sent.endswith("\r\n\r\n{}")
    assert {"Idempotency-Key: k", "Authorization: Basic c2VjcmV0Og==", "Content-Length: 2"} <= set(sent.split("\r\n"))


def test_the_story_travels_along() -> None:
    trace = correlation.start(correlation="story-7")
    with wired(always(answer(b""))) as (http, server), correlation.use(trace):
        ask(http)
        sent = server.lines[0].request.decode()

    assert {"X-Correlation-ID: story-7", f"traceparent: {trace.traceparent}"} <= set(sent.split("\r\n"))


def test_one_connection_serves_one_call_after_the_other() -> None:
    with wired(always(answer(b"{}"))) as (http, server):
        answers = [ask(http) for _ in range(3)]

    assert [answered.status for answered in answers] == [200, 200, 200]
    assert len(server.lines) == 1


def test_calls_of_many_threads_do_not_wait_for_each_other() -> None:
    together = Event()

    def talk(line: Line) -> None:
        line.read_request()
        if len(server.lines) == 12:
            together.set()
        together.wait(AMPLE_S)
        line.write(answer(b"{}"))

    with wired(talk) as (http, server):
        answers = at_once([lambda: ask(http)] * 12)

    assert [answered.status if isinstance(answered, HttpResponse) else answered for answered in answers] == [200] * 12


def test_a_forked_process_makes_connections_of_its_own() -> None:
    with wired(always(answer(b"{}"))) as (http, server):
        ask(http)
        child = os.fork()
        if child == 0:
            os._exit(0 if ask(http).status == 200 else 1)
        _, status = os.waitpid(child, 0)
        ask(http)

    assert status == 0
    assert len(server.lines) == 2


def test_a_redirect_is_an_answer_and_leads_nowhere() -> None:
    with raw_server(always(answer(b"{}"))) as other, wired(always(answer(b"", f"Location: {other.url}", status="307 Go"))) as (http, _):
        assert ask(http).status == 307

    assert other.lines == []


def test_a_refused_connection_means_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert (type(failure := refusal(DeadlineHttpClient(base_url=f"http://127.0.0.1:{port}"))), failure.reason) == (
        NotSentError,
        "connection_refused",
    )


def test_an_unknown_host_means_not_sent() -> None:
    failure = refusal(DeadlineHttpClient(base_url="https://nobody.invalid"))

    assert isinstance(failure, NotSentError)
    assert failure.reason in {"unknown_host", "timed_out"}


def test_a_name_that_nobody_resolves_in_time_means_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    over = Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(AMPLE_S) and [])

    failure = refusal(DeadlineHttpClient(base_url="https://slow.example"), deadline_s=SHORT_S)
    over.set()

    assert (type(failure), failure.reason) == (NotSentError, "timed_out")


def test_a_handshake_that_hangs_means_not_sent() -> None:
    with raw_server(lambda line: line.hang()) as server:
        failure = refusal(DeadlineHttpClient(base_url=f"https://localhost:{server.port}"), deadline_s=SHORT_S)

    assert (type(failure), failure.reason) == (NotSentError, "timed_out")


def test_a_server_that_speaks_no_tls_means_not_sent() -> None:
    with raw_server(lambda line: line.write(answer(b"{}"))) as server:
        failure = refusal(DeadlineHttpClient(base_url=f"https://localhost:{server.port}"))

    assert (type(failure), failure.reason) == (NotSentError, "tls_failed")


def test_a_deadline_that_is_over_at_the_start_means_not_sent() -> None:
    with wired(always(answer(b"{}"))) as (http, server):
        failure = refusal(http, deadline_s=0.0)

    assert (type(failure), failure.reason) == (NotSentError, "timed_out")
    assert server.lines == []


def hang(line: Line) -> None:
    line.read_request()
    line.hang()


def reset_at_once(line: Line) -> None:
    line.read_request()
    line.reset()


def reset_in_the_answer(line: Line) -> None:
    line.read_request()
    line.write(answer(b"{}" * 20)[:-20])
    line.reset()


def hang_up(line: Line) -> None:
    line.read_request()
    line.write(answer(b"{}" * 20)[:-20])


def drip_headers(line: Line) -> None:
    line.read_request()
    line.drip(answer(b"{}", *["X-More: more"] * 20), every_s=SLOWLY_S)


def drip_body(line: Line) -> None:
    line.read_request()
    line.write(answer(b"")[:-23] + b"Content-Length: 200\r\n\r\n")
    line.drip(b"1" * 200, every_s=SLOWLY_S)


def never_ending_headers(line: Line) -> None:
    line.read_request()
    line.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        line.write(b"X-More: more\r\n")


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (hang, "timed_out"),
        (drip_headers, "timed_out"),
        (drip_body, "timed_out"),
        (reset_at_once, "reset"),
        (reset_in_the_answer, "reset"),
        (hang_up, "unreadable"),
        (always(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "unreadable"),
        (never_ending_headers, "unreadable"),
        (always(answer(b"x" * 65_537)), "too_large"),
        (always(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"8000\r\n" + b"x" * 0x8000 + b"\r\n8000\r\nx"), "timed_out"),
    ],
)
def test_once_a_byte_went_out_a_failure_means_that_nobody_knows(talk: Callable[[Line], None], reason: str) -> None:
    with wired(talk) as (http, server):
        failure = refusal(http, deadline_s=SHORT_S if reason == "timed_out" else AMPLE_S)

    assert (type(failure), failure.reason) == (NoAnswerError, reason)
    assert len(server.lines) == 1  # nothing is ever sent twice


def test_after_a_failure_the_next_call_begins_anew() -> None:
    def talk(line: Line) -> None:
        if len(server.lines) == 1:
            reset_in_the_answer(line)
        else:
            always(answer(b"{}"))(line)

    with wired(talk) as (http, server):
        refusal(http)

        assert ask(http).status == 200


def test_an_answer_may_be_as_large_as_the_caller_takes() -> None:
    with wired(always(answer(b"x" * 100_000))) as (http, _):
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
def test_the_wish_to_be_asked_later_is_read_within_bounds(headers: list[str], wait_s: float | None) -> None:
    with wired(always(answer(b"", *headers, status="503 Busy"))) as (http, _):
        assert ask(http).retry_after_s == wait_s


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
def test_an_address_that_is_not_safe_is_refused_at_the_start_without_telling_it(base_url: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        DeadlineHttpClient(base_url=base_url)

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("base_url", ["https://pay.example/", "http://localhost:9000", "http://127.0.0.1:9000", "http://[::1]:9000"])
def test_a_safe_address_is_taken(base_url: str) -> None:
    assert DeadlineHttpClient(base_url=base_url)._base_url == base_url.rstrip("/")


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"amount": "7"}', b'{"amount": 7', b"[]", b'{"amount": NaN}', b"\xff"])
def test_json_of_another_shape_means_that_nobody_knows(body: bytes) -> None:
    with pytest.raises(NoAnswerError, match="unreadable"):
        decode(HttpResponse(status=200, headers={}, body=body), shape=dict[str, int])


def test_json_of_the_right_shape_is_read() -> None:
    assert decode(HttpResponse(status=200, headers={}, body=b'{"amount": 7}'), shape=dict[str, int]) == {"amount": 7}
