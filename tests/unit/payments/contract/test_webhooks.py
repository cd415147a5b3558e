"""A webhook is accepted only if the provider signed it within the last minutes, and then only as a hint."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from apps.payments.errors import WebhookRefusedError
from tests.unit.payments.contract.harness import AdapterHarness, Feature

pytestmark = pytest.mark.needs(Feature.WEBHOOKS)

Headers = Mapping[str, str]


@pytest.mark.parametrize("secret", [0, 1])
def test_a_genuine_webhook_names_the_charge(harness: AdapterHarness, secret: int) -> None:
    wanted = harness.request()
    harness.charge(wanted)
    body, now = harness.webhook(wanted.payment_id), harness.now()
    hint = harness.gateway.read_webhook(headers=harness.sign(body, at=now, secret=secret), body=body, now=now)
    assert hint is not None
    assert (hint.payment_id or wanted.payment_id, hint.rental_id or wanted.rental_id) == (wanted.payment_id, wanted.rental_id)
    assert hint.payment_id or hint.rental_id


def test_a_repeated_webhook_names_the_same_charge(harness: AdapterHarness) -> None:
    wanted, now = harness.request(), harness.now()
    body = harness.webhook(wanted.payment_id)
    first, again = (
        harness.gateway.read_webhook(headers=harness.sign(body, at=at), body=body, now=now) for at in (now, now - timedelta(minutes=1))
    )
    assert first == again


@pytest.mark.parametrize("age_s", [-299, -1, 1, 299])
def test_clocks_may_differ_by_five_minutes(harness: AdapterHarness, age_s: int) -> None:
    body, now = harness.webhook(harness.request().payment_id), harness.now()
    assert harness.gateway.read_webhook(headers=harness.sign(body, at=now - timedelta(seconds=age_s)), body=body, now=now)


@pytest.mark.parametrize("age_s", [-302, 302, 86_400])
def test_a_webhook_from_another_time_is_refused(harness: AdapterHarness, age_s: int) -> None:
    body, now = harness.webhook(harness.request().payment_id), harness.now()
    with pytest.raises(WebhookRefusedError):
        harness.gateway.read_webhook(headers=harness.sign(body, at=now - timedelta(seconds=age_s)), body=body, now=now)


FORGERIES: dict[str, Callable[[Headers, bytes], tuple[Headers, bytes]]] = {
    "no signature": lambda _headers, body: ({"content-type": "application/json"}, body),
    "an empty one": lambda headers, body: (dict.fromkeys(headers, ""), body),
    "garbage": lambda headers, body: (dict.fromkeys(headers, "t=,v1=,,=é"), body),
    "another digest": lambda headers, body: ({name: f"{value[:-8]}00000000" for name, value in headers.items()}, body),
    "another body": lambda headers, body: (headers, body.replace(b'"', b' "', 1)),
    "no body": lambda headers, _body: (headers, b""),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_webhook_is_refused(harness: AdapterHarness, forge: Callable[[Headers, bytes], tuple[Headers, bytes]]) -> None:
    genuine, now = harness.webhook(harness.request().payment_id), harness.now()
    headers, body = forge(harness.sign(genuine, at=now), genuine)
    with pytest.raises(WebhookRefusedError):
        harness.gateway.read_webhook(headers=headers, body=body, now=now)


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"{}", b"\xff\xfe", b'{"id": 7, "key": null}', b"[" * 100_000])
def test_a_signed_webhook_that_is_unreadable_is_refused(harness: AdapterHarness, body: bytes) -> None:
    now = harness.now()
    with pytest.raises(WebhookRefusedError):
        harness.gateway.read_webhook(headers=harness.sign(body, at=now), body=body, now=now)
