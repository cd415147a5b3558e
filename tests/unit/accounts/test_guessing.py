"""Concurrent guesses of a password are counted like sequential ones; with a negative control."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from apps.accounts import queries, services
from apps.accounts.errors import InvalidCredentialsError, TooManyFailedLoginsError
from apps.accounts.models import FailedLogin
from gdmarket import clock
from tests.factories.accounts import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

GUESSES = 30
PATIENCE_S = 30.0


def guess_at_once(email: str) -> Counter[type[Exception]]:
    """Make many concurrent guesses of a password; count the errors."""
    all_are_ready, now = Barrier(GUESSES), clock.now()

    def guess(number: int) -> type[Exception]:
        try:
            all_are_ready.wait(PATIENCE_S)
            services.check_credentials(email=email, password=f"guess-{number}", address=f"10.0.0.{number}", now=now)
        except Exception as refusal:  # noqa: BLE001  # the error of each guess is the result
            return type(refusal)
        finally:
            connection.close()
        pytest.fail("it was guessed")

    with ThreadPoolExecutor(GUESSES) as threads:
        return Counter(threads.map(guess, range(GUESSES)))


def test_ten_of_many_concurrent_guesses_are_checked() -> None:
    person: Any = UserFactory()

    assert guess_at_once(person.email) == {InvalidCredentialsError: 10, TooManyFailedLoginsError: GUESSES - 10}

    assert FailedLogin.objects.count() == 2 * 10
    with pytest.raises(TooManyFailedLoginsError):
        services.check_credentials(email=person.email, password=PASSWORD, address="10.0.1.1", now=clock.now())


@pytest.mark.postgresql
def test_without_the_lock_all_guesses_would_be_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    person: Any = UserFactory()
    all_have_counted = Barrier(GUESSES)
    count = queries.get_login_wait_s

    def count_together(**whose: Any) -> float:
        wait_s = count(**whose)
        all_have_counted.wait(PATIENCE_S)
        return wait_s

    monkeypatch.setattr(services, "_lock_subjects", lambda _: None)
    monkeypatch.setattr(queries, "get_login_wait_s", count_together)

    assert guess_at_once(person.email) == {InvalidCredentialsError: GUESSES}
