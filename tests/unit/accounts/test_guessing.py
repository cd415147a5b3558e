"""Guessing passwords: how the waits grow, whom they do not keep out, and that concurrent guesses count, with a negative control."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from apps.accounts import domain, hashing, queries, services
from apps.accounts.errors import InvalidCredentialsError, TooManyFailedLoginsError
from apps.accounts.models import FailedLogin, KnownOrigin
from gdmarket import clock
from tests.factories.accounts import PASSWORD, UserFactory
from tests.passing_time import PassingTime

pytestmark = pytest.mark.django_db

HOME, AWAY = "192.0.2.1", "198.51.100.7"
GUESSES = 30
PATIENCE_S = 30.0


@pytest.fixture
def person() -> Any:
    return UserFactory()


def sign_in(person: Any, password: str = PASSWORD, *, address: str = HOME, device: str = "") -> float:
    """Try a password; return 0.0 for a right one, -1.0 for a wrong one, else how many seconds to wait."""
    try:
        services.check_credentials(email=person.email, password=password, address=address, device=device, now=clock.now())
    except InvalidCredentialsError:
        return -1.0
    except TooManyFailedLoginsError as refused:
        return refused.retry_after_s
    if device:
        services.remember_device(email=person.email, device=device, now=clock.now())
    return 0.0


def guess(person: Any, *, times: int, **where: str) -> list[float]:
    """Try wrong passwords."""
    return [sign_in(person, f"guess-{number}", **where) for number in range(times)]


def test_after_five_wrong_passwords_each_wait_is_longer(person: Any, pass_time: PassingTime) -> None:
    assert guess(person, times=5, address=AWAY) == [-1.0] * 5
    waits = []
    for _ in range(7):
        waits.append(round(sign_in(person, address=AWAY), -1))
        pass_time(seconds=waits[-1] + 5)
        assert sign_in(person, "wrong", address=AWAY) == -1.0
    assert waits == [30, 60, 120, 240, 480, 900, 900]
    assert sign_in(person, address=AWAY) > 0
    pass_time(hours=1, seconds=1)
    assert sign_in(person, address=AWAY) == 0.0
    assert not FailedLogin.objects.exists()


def test_a_right_password_forgives_the_wrong_ones_before_it(person: Any) -> None:
    for _ in range(3):
        assert guess(person, times=4) == [-1.0] * 4
        assert sign_in(person) == 0.0


def test_strangers_who_guess_do_not_lock_out_whoever_signed_in_from_there_before(person: Any) -> None:
    assert sign_in(person, address=HOME) == 0.0
    for number in range(11):
        guess(person, times=5, address=f"203.0.113.{number}")
    assert 0 < sign_in(person, address=AWAY) <= 15 * 60
    assert sign_in(person, address=HOME) == 0.0


def test_fifty_wrong_passwords_of_one_account_from_anywhere_keep_strangers_out_for_a_quarter_of_an_hour(
    person: Any, pass_time: PassingTime
) -> None:
    for number in range(10):
        assert guess(person, times=5, address=f"203.0.113.{number}") == [-1.0] * 5
    assert 0 < sign_in(person, "wrong", address=AWAY) <= 15 * 60
    assert FailedLogin.objects.count() == 3 * 50
    pass_time(minutes=15, seconds=1)
    assert sign_in(person, address=AWAY) == 0.0


def test_sixty_wrong_passwords_from_one_address_keep_out_strangers_alone(person: Any) -> None:
    other: Any = UserFactory()
    assert sign_in(person, address=HOME) == 0.0
    for _ in range(12):
        guess(UserFactory(), times=5, address=HOME)
    assert 0 < sign_in(other, address=HOME) <= 15 * 60
    assert sign_in(person, address=HOME) == 0.0
    assert sign_in(other, address=AWAY) == 0.0


def test_a_known_browser_is_not_kept_out_by_somebody_at_the_same_address(person: Any) -> None:
    assert sign_in(person, device="my browser") == 0.0
    assert guess(person, times=5) == [-1.0] * 5
    assert sign_in(person) > 0
    assert sign_in(person, device="forged") > 0
    assert sign_in(person, device="my browser") == 0.0
    assert guess(person, times=6, device="my browser")[-1] > 0


def test_a_browser_known_to_one_account_is_a_stranger_to_another(person: Any) -> None:
    other: Any = UserFactory()
    assert sign_in(other, device="theirs") == 0.0
    assert guess(person, times=6, device="theirs")[-1] > 0
    assert sign_in(person, device="theirs") > 0


def test_a_clock_set_back_locks_nobody_for_hours(person: Any, pass_time: PassingTime) -> None:
    pass_time(hours=5)
    guess(person, times=5, address=AWAY)
    assert sign_in(person, address=AWAY) > 0
    pass_time(hours=-5)
    assert sign_in(person, address=AWAY) == 0.0


def test_origins_are_stored_as_digests_and_forgotten_after_half_a_year(person: Any, pass_time: PassingTime) -> None:
    assert sign_in(person, device="browser") == 0.0
    assert {len(origin.subject) for origin in KnownOrigin.objects.all()} == {64}
    pass_time(days=181)
    assert sign_in(person, address=AWAY) == 0.0
    assert KnownOrigin.objects.count() == 1


def test_an_account_keeps_its_latest_twenty_origins(person: Any, pass_time: PassingTime) -> None:
    other: Any = UserFactory()
    assert sign_in(other) == 0.0
    for number in range(22):
        pass_time(minutes=1)
        assert sign_in(person, address=f"203.0.113.{number}") == 0.0
    assert KnownOrigin.objects.count() == 20 + 1
    origins = [queries.get_origin(email=person.email, address=f"203.0.113.{number}", device="") for number in range(22)]
    assert [origin.is_known for origin in origins] == [False, False] + [True] * 20
    assert queries.get_origin(email=other.email, address=HOME, device="").is_known


def test_a_server_whose_clock_is_slow_forgets_no_failures_of_the_others(person: Any, pass_time: PassingTime) -> None:
    guess(person, times=5, address=AWAY)
    pass_time(minutes=-2)
    sign_in(UserFactory(), address=HOME)
    pass_time(minutes=2)
    assert sign_in(person, address=AWAY) > 0


def test_a_replaced_secret_key_forgets_no_origin(person: Any, settings: Settings) -> None:
    assert sign_in(person) == 0.0
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another-secret-that-is-long-enough-for-everybody"
    assert queries.get_origin(email=person.email, address=HOME, device="").is_known


@pytest.fixture
def room_for_all(settings: Settings) -> Iterator[None]:
    """Let all guesses be hashed at once."""
    settings.GDMARKET_HASHES_AT_ONCE = GUESSES
    hashing._hashing.cache_clear()
    yield
    hashing._hashing.cache_clear()


def guess_at_once(email: str) -> Counter[type[Exception]]:
    """Make many concurrent guesses of a password; count the errors."""
    all_are_ready, now = Barrier(GUESSES), clock.now()

    def guess(number: int) -> type[Exception]:
        try:
            all_are_ready.wait(PATIENCE_S)
            services.check_credentials(email=email, password=f"guess-{number}", address=AWAY, now=now)
        except Exception as refusal:  # noqa: BLE001  # the error of each guess is the result
            return type(refusal)
        finally:
            connection.close()
        pytest.fail("it was guessed")

    with ThreadPoolExecutor(GUESSES) as threads:
        return Counter(threads.map(guess, range(GUESSES)))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("room_for_all")
def test_five_of_many_concurrent_guesses_are_checked(person: Any) -> None:
    assert guess_at_once(person.email) == {InvalidCredentialsError: 5, TooManyFailedLoginsError: GUESSES - 5}

    assert FailedLogin.objects.count() == 3 * 5
    with pytest.raises(TooManyFailedLoginsError):
        services.check_credentials(email=person.email, password=PASSWORD, address=AWAY, now=clock.now())


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("room_for_all")
def test_without_the_lock_all_guesses_would_be_checked(person: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    all_have_counted = Barrier(GUESSES)
    count = queries.get_login_wait_s

    def count_together(**whose: Any) -> float:
        wait_s = count(**whose)
        all_have_counted.wait(PATIENCE_S)
        return wait_s

    monkeypatch.setattr(services, "_lock_subjects", lambda _: None)
    monkeypatch.setattr(queries, "get_login_wait_s", count_together)

    assert guess_at_once(person.email) == {InvalidCredentialsError: GUESSES}


def test_the_wait_after_any_number_of_failures_is_bounded() -> None:
    assert domain.login_wait(failures=4) == timedelta()
    assert max(domain.login_wait(failures=number) for number in range(5000)) == domain.LONGEST_WAIT
