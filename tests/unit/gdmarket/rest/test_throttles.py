"""Rate limits."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from pytest_django import Settings
from rest_framework.test import APIClient

from gdmarket.rest.throttles import network_of
from tests.factories.accounts import UserFactory

pytestmark = [pytest.mark.urls("tests.unit.gdmarket.rest.sample_api"), pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _counts() -> Iterator[None]:
    """Begin without counts, at an instant at which no window is about to end."""
    cache.clear()
    with time_machine.travel(datetime(2026, 3, 2, 4, 5, 6, tzinfo=UTC), tick=True):
        yield
    cache.clear()


def test_an_address_over_its_limit_gets_429_with_retry_after(api: APIClient, settings: Settings) -> None:
    settings.GDMARKET_THROTTLE_ANON = "2/min"
    assert [api.get("/api/v1/notes").status_code for _ in range(2)] == [200, 200]
    answer = api.get("/api/v1/notes")
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert 50 <= int(answer["Retry-After"]) <= 54  # as long as the minute lasts
    assert api.get("/api/v1/notes", REMOTE_ADDR="10.0.0.2").status_code == 200


def test_a_forged_forwarding_header_makes_no_other_address(api: APIClient, settings: Settings) -> None:
    settings.GDMARKET_THROTTLE_ANON = "1/min"
    assert api.get("/api/v1/notes", HTTP_X_FORWARDED_FOR="1.1.1.1").status_code == 200
    assert api.get("/api/v1/notes", HTTP_X_FORWARDED_FOR="2.2.2.2").status_code == 429


def test_a_64_network_counts_as_one_address(api: APIClient, settings: Settings) -> None:
    settings.GDMARKET_THROTTLE_ANON = "2/min"
    assert api.get("/api/v1/notes", REMOTE_ADDR="2001:db8:0:1::1").status_code == 200
    assert api.get("/api/v1/notes", REMOTE_ADDR="2001:db8:0:1:ffff::2").status_code == 200
    assert api.get("/api/v1/notes", REMOTE_ADDR="2001:db8:0:1::3").status_code == 429
    assert api.get("/api/v1/notes", REMOTE_ADDR="2001:db8:0:2::3").status_code == 200


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_what_counts_as_one_address(address: str, network: str) -> None:
    assert network_of(address) == network


def test_people_are_counted_separately(settings: Settings, as_user: Callable[[Any], APIClient]) -> None:
    one, other = as_user(UserFactory()), as_user(UserFactory())
    settings.GDMARKET_THROTTLE_USER = "1/min"
    assert [one.get("/api/v1/notes").status_code, one.get("/api/v1/notes").status_code] == [200, 429]
    assert other.get("/api/v1/notes").status_code == 200


def test_a_window_ends_when_it_is_over(api: APIClient, settings: Settings, pass_time: Callable[..., Any]) -> None:
    settings.GDMARKET_THROTTLE_ANON = "1/min"
    assert [api.get("/api/v1/notes").status_code for _ in range(3)] == [200, 429, 429]
    pass_time(seconds=61)
    assert [api.get("/api/v1/notes").status_code for _ in range(2)] == [200, 429]


def test_nobody_waits_for_a_clock_that_was_set_back(api: APIClient, settings: Settings, pass_time: Callable[..., Any]) -> None:
    settings.GDMARKET_THROTTLE_ANON = "1/min"
    assert [api.get("/api/v1/notes").status_code for _ in range(2)] == [200, 429]
    pass_time(hours=-5)
    assert api.get("/api/v1/notes").status_code == 200


@pytest.mark.parametrize("left_behind", [[1772424306.0], 7, "1"])
def test_what_another_version_has_left_in_the_cache_is_not_read(
    api: APIClient, settings: Settings, as_user: Callable[[Any], APIClient], left_behind: object
) -> None:
    user = UserFactory()
    signed_in = as_user(user)
    settings.GDMARKET_THROTTLE_USER = settings.GDMARKET_THROTTLE_ANON = "1/min"
    cache.set(f"throttle:user:{user.pk}", left_behind)
    cache.set("throttle:anon:127.0.0.1", left_behind)

    assert [api.get("/api/v1/notes").status_code for _ in range(2)] == [200, 429]
    assert [signed_in.get("/api/v1/notes").status_code for _ in range(2)] == [200, 429]
    assert cache.get(f"throttle:user:{user.pk}") == left_behind  # nor written: the other version still reads it


def test_a_caller_has_one_entry_a_window_and_the_default_cache_has_room_for_many(api: APIClient, settings: Settings) -> None:
    settings.GDMARKET_THROTTLE_ANON = "1/min"
    cache.set("unrelated", True)
    for n in range(1000):
        assert api.get("/api/v1/notes", REMOTE_ADDR=f"2001:db8:0:{n:x}::1").status_code == 200

    assert cache.get("unrelated")
    assert api.get("/api/v1/notes", REMOTE_ADDR="2001:db8:0:0::2").status_code == 429


def test_off_lifts_the_limit(api: APIClient, settings: Settings) -> None:
    settings.GDMARKET_THROTTLE_ANON = "off"
    assert {api.get("/api/v1/notes").status_code for _ in range(5)} == {200}
