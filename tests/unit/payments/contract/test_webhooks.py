"""A webhook is believed only if the provider signed it a moment ago, and even then only as a hint."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from apps.payments.errors import WebhookRefusedError
from tests.unit.payments.contract.bench import Bench, Feature

pytestmark = pytest.mark.needs(Feature.WEBHOOKS)

Headers = Mapping[str, str]


@pytest.mark.parametrize("secret", [0, 1])
def test_a_genuine_webhook_names_the_charge(bench: Bench, secret: int) -> None:
    intent = bench.intent()
    bench.charge(intent)
    body, now = bench.notice(intent.key), bench.now()
    notice = bench.gateway.read_webhook(headers=bench.sign(body, at=now, secret=secret), body=body, now=now)
    assert notice is not None
    assert (notice.key or intent.key, notice.order or intent.order) == (intent.key, intent.order)
    assert notice.key or notice.order


def test_a_webhook_that_is_sent_again_says_the_same(bench: Bench) -> None:
    intent, now = bench.intent(), bench.now()
    body = bench.notice(intent.key)
    first, again = (
        bench.gateway.read_webhook(headers=bench.sign(body, at=at), body=body, now=now) for at in (now, now - timedelta(minutes=1))
    )
    assert first == again


@pytest.mark.parametrize("age_s", [-299, -1, 1, 299])
def test_clocks_may_differ_a_little(bench: Bench, age_s: int) -> None:
    body, now = bench.notice(bench.intent().key), bench.now()
    assert bench.gateway.read_webhook(headers=bench.sign(body, at=now - timedelta(seconds=age_s)), body=body, now=now)


@pytest.mark.parametrize("age_s", [-302, 302, 86_400])
def test_a_webhook_from_another_time_is_refused(bench: Bench, age_s: int) -> None:
    body, now = bench.notice(bench.intent().key), bench.now()
    with pytest.raises(WebhookRefusedError):
        bench.gateway.read_webhook(headers=bench.sign(body, at=now - timedelta(seconds=age_s)), body=body, now=now)


FORGERIES: dict[str, Callable[[Headers, bytes], tuple[Headers, bytes]]] = {
    "no signature": lambda _headers, body: ({"content-type": "application/json"}, body),
    "an empty one": lambda headers, body: (dict.fromkeys(headers, ""), body),
    "garbage": lambda headers, body: (dict.fromkeys(headers, "t=,v1=,,=é"), body),
    "another digest": lambda headers, body: ({name: f"{value[:-8]}00000000" for name, value in headers.items()}, body),
    "another body": lambda headers, body: (headers, body.replace(b'"', b' "', 1)),
    "no body": lambda headers, _body: (headers, b""),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_webhook_is_refused(bench: Bench, forge: Callable[[Headers, bytes], tuple[Headers, bytes]]) -> None:
    genuine, now = bench.notice(bench.intent().key), bench.now()
    headers, body = forge(bench.sign(genuine, at=now), genuine)
    with pytest.raises(WebhookRefusedError):
        bench.gateway.read_webhook(headers=headers, body=body, now=now)


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"{}", b"\xff\xfe", b'{"id": 7, "key": null}', b"[" * 100_000])
def test_a_webhook_that_cannot_be_read_is_refused_though_it_is_signed(bench: Bench, body: bytes) -> None:
    now = bench.now()
    with pytest.raises(WebhookRefusedError):
        bench.gateway.read_webhook(headers=bench.sign(body, at=now), body=body, now=now)
