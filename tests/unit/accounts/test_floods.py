"""Floods of registrations and sign-ins: what they may cost, and that nobody else waits for them."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from apps.accounts import domain, hashing
from apps.accounts.models import FailedLogin, KnownOrigin, User
from gdmarket.rest import request_counts
from gdmarket.rest.models import RequestCount
from tests.factories.accounts import PASSWORD, UserFactory
from tests.passing_time import PassingTime
from tests.passwords import QuickHasher

pytestmark = pytest.mark.django_db

REQUESTS = 20


@pytest.fixture(autouse=True)
def _defaults(settings: Settings) -> Iterator[None]:
    """Restore the default rates, which other tests lift."""
    settings.GDMARKET_THROTTLE_AUTH, settings.GDMARKET_THROTTLE_REGISTER = "60/min", "20/hour"
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the passwords that are hashed."""
    hashed: list[str] = []
    hash_it = QuickHasher.encode

    def record(self: QuickHasher, password: str, *args: Any) -> str:
        hashed.append(password)
        return hash_it(self, password, *args)

    monkeypatch.setattr(QuickHasher, "encode", record)
    return hashed


def register(number: int = 0, *, password: str = "four-small-words", address: str = "2001:db8::1") -> Any:
    body = {"email": f"p{number}@example.com", "password": password, "display_name": "민"}
    return APIClient().post("/api/v1/auth/register", body, format="json", REMOTE_ADDR=address)


def sign_in(person: Any, password: str = PASSWORD, *, address: str = "192.0.2.1") -> Any:
    return APIClient().post("/api/v1/auth/token", {"email": person.email, "password": password}, format="json", REMOTE_ADDR=address)


def test_one_network_registers_twenty_people_an_hour(pass_time: PassingTime) -> None:
    assert {register(number, address=f"2001:db8::{number:x}").status_code for number in range(20)} == {201}
    refused = register(20)
    assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
    assert 3500 < int(refused["Retry-After"]) <= 3600
    assert User.objects.count() == 20
    assert register(20, address="2001:db8:0:1::1").status_code == 201
    pass_time(hours=1, seconds=1)
    assert register(21).status_code == 201


def sign_in_at_desk(person: Any, password: str = PASSWORD, *, address: str = "192.0.2.1") -> str:
    """Sign in to the admin; return the refusal, empty if there is none."""
    browser = Client(headers={"accept-language": "en"}, REMOTE_ADDR=address)
    answer = browser.post("/admin/login/?next=/admin/", {"username": person.email, "password": password})
    return "" if answer.status_code == 302 else str(answer.context["form"].non_field_errors())


def test_one_network_signs_in_sixty_times_a_minute_by_the_api_and_in_the_admin_together(pass_time: PassingTime, hashes: list[str]) -> None:
    person: Any = UserFactory(item_manager=True)
    assert {sign_in(person).status_code for _ in range(30)} == {200}
    assert {sign_in_at_desk(person) for _ in range(30)} == {""}
    hashes.clear()
    assert "asked too often" in sign_in_at_desk(person)
    assert sign_in(person).status_code == 429
    assert hashes == []
    assert sign_in_at_desk(person, address="192.0.2.3") == ""
    assert sign_in(person, address="192.0.2.2").status_code == 200
    assert APIClient().get("/api/v1/items", REMOTE_ADDR="192.0.2.1").status_code == 200
    pass_time(minutes=1, seconds=1)
    assert sign_in(person).status_code == 200


def test_who_shares_an_address_with_many_stays_signed_in() -> None:
    person: Any = UserFactory()
    refresh: str = sign_in(person).json()["refresh"]
    for _ in range(61):
        sign_in(person)
    for _ in range(61):
        answer: Any = APIClient().post("/api/v1/auth/token/refresh", {"refresh": refresh}, format="json", REMOTE_ADDR="192.0.2.1")
        assert answer.status_code == 200
        refresh = answer.json()["refresh"]


def test_signing_in_with_a_right_password_and_no_cookie_remembers_no_devices_without_end() -> None:
    renter: Any = UserFactory(renter=True)
    for _ in range(3):
        assert "Only item managers" in sign_in_at_desk(renter)
    assert KnownOrigin.objects.count() == 1  # the address
    manager: Any = UserFactory(item_manager=True)
    assert {sign_in_at_desk(manager) for _ in range(25)} == {""}
    assert KnownOrigin.objects.count() == 1 + domain.ORIGINS_OF_ONE_ACCOUNT


def test_the_limit_holds_for_all_processes_together_and_addresses_are_digests() -> None:
    for number in range(20):
        cache.clear()  # each process has its own
        assert register(number).status_code == 201
    cache.clear()
    assert register(20).status_code == 429
    assert "2001" not in str(list(RequestCount.objects.values()))
    counted = RequestCount.objects.order_by("count").values_list("count", flat=True)
    assert list(counted) == [21, 21]
    assert register(20).status_code == 429
    assert list(counted.all()) == [21, 22]  # refused by the cache, the scarcer limit is not written again


def ask_at_once() -> list[int]:
    """Send many requests at once, for which nothing is hashed; return their statuses in order."""
    together = threading.Barrier(REQUESTS)

    def ask(_: int) -> int:
        together.wait(10)
        try:
            answer: Any = APIClient().post("/api/v1/auth/token", {}, format="json")
            return int(answer.status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(REQUESTS) as threads:
        return sorted(threads.map(ask, range(REQUESTS)))


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_are_counted_one_by_one(settings: Settings) -> None:
    settings.GDMARKET_THROTTLE_AUTH = "10/hour"
    assert ask_at_once() == [400] * 10 + [429] * 10


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_counting_in_two_statements_would_let_more_through(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.GDMARKET_THROTTLE_AUTH = "10/hour"
    all_have_read = threading.Barrier(REQUESTS)

    def add(*, subject: str, limit: int, window: timedelta, now: datetime) -> datetime | None:
        row = RequestCount.objects.filter(subject=subject).first() or RequestCount(subject=subject, count=0, ends_at=now + window)
        all_have_read.wait(10)
        row.count += 1
        RequestCount.objects.bulk_create([row], update_conflicts=True, unique_fields=["subject"], update_fields=["count"])
        return None if row.count <= limit else row.ends_at

    monkeypatch.setattr(request_counts, "add", add)
    assert ask_at_once() == [400] * REQUESTS


def test_a_clock_set_back_lets_everybody_in(pass_time: PassingTime) -> None:
    pass_time(hours=5)
    for number in range(21):
        register(number)
    assert register(21).status_code == 429
    pass_time(hours=-5)
    assert register(21).status_code == 201


def test_a_server_whose_clock_is_slow_begins_no_window_anew(pass_time: PassingTime) -> None:
    for number in range(20):
        register(number)
    pass_time(minutes=-3)
    cache.clear()
    assert register(20).status_code == 429


def test_windows_that_are_over_are_deleted(pass_time: PassingTime) -> None:
    register()
    pass_time(hours=1, seconds=1)
    register(1, address="192.0.2.9")
    assert RequestCount.objects.count() == 2


def test_what_can_be_refused_is_refused_before_it_is_hashed(hashes: list[str]) -> None:
    person: Any = UserFactory(email="p1@example.com")
    hashes.clear()
    assert register(1).status_code == 409
    assert register(2, password="short").status_code == 400
    assert hashes == []
    for _ in range(5):
        sign_in(person, "wrong")
    hashes.clear()
    assert sign_in(person).status_code == 429
    assert hashes == []


def test_while_all_places_are_taken_sign_in_answers_503_and_counts_nothing() -> None:
    person: Any = UserFactory()
    with ExitStack() as others:
        for _ in range(6):
            others.enter_context(hashing.reserve_place())
        for refused in (sign_in(person), register()):
            assert (refused.status_code, refused.json()["code"], refused["Retry-After"]) == (503, "sign_in_busy", "2")
        page = Client(headers={"accept-language": "en"}).post("/admin/login/", {"username": person.email, "password": PASSWORD})
        assert "Many people are signing in" in page.content.decode()
        browser = Client()
        browser.force_login(UserFactory(item_manager=True))
        assert browser.get("/admin/password_change/").status_code == 200
        assert browser.post("/admin/password_change/").status_code == 503
        assert APIClient().get("/api/v1/items").status_code == 200
    assert not FailedLogin.objects.exists()
    assert not User.objects.filter(email="p0@example.com").exists()
    assert sign_in(person).status_code == 200


def test_a_process_hashes_two_passwords_at_once(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["apps.accounts.hashing.BoundedPasswordHasher"]
    assert settings.GDMARKET_HASHES_AT_ONCE == 2
    hasher, hashed = hashing.BoundedPasswordHasher(), threading.Event()

    def hash_one() -> None:
        hasher.encode("a", "salt", 1)
        hashed.set()

    with hashing._hashing().slots, hashing._hashing().slots:
        third = threading.Thread(target=hash_one)
        third.start()
        assert not hashed.wait(0.1)
    assert hashed.wait(10)
    third.join()
