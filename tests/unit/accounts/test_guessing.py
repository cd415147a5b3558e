"""Many guesses at one moment are as many as one after the other; with a negative control."""

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
    """Guess a password many times at one moment; count what the guesses were told."""
    everybody_is_there, now = Barrier(GUESSES), clock.now()

    def guess(number: int) -> type[Exception]:
        try:
            everybody_is_there.wait(PATIENCE_S)
            services.recognise(email=email, password=f"guess-{number}", address=f"10.0.0.{number}", now=now)
        except Exception as told:  # noqa: BLE001  # what each was told is the answer
            return type(told)
        finally:
            connection.close()
        pytest.fail("it was guessed")

    with ThreadPoolExecutor(GUESSES) as threads:
        return Counter(threads.map(guess, range(GUESSES)))


def test_of_many_guesses_at_one_moment_ten_are_heard() -> None:
    person: Any = UserFactory()

    assert guess_at_once(person.email) == {InvalidCredentialsError: 10, TooManyFailedLoginsError: GUESSES - 10}

    assert FailedLogin.objects.count() == 2 * 10
    with pytest.raises(TooManyFailedLoginsError):
        services.recognise(email=person.email, password=PASSWORD, address="10.0.1.1", now=clock.now())


@pytest.mark.postgresql
def test_without_turns_all_would_be_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    person: Any = UserFactory()
    everybody_has_counted = Barrier(GUESSES)
    count = queries.get_login_wait_s

    def count_together(**whose: Any) -> float:
        wait_s = count(**whose)
        everybody_has_counted.wait(PATIENCE_S)
        return wait_s

    monkeypatch.setattr(services, "_wait_for_turn", lambda _: None)
    monkeypatch.setattr(queries, "get_login_wait_s", count_together)

    assert guess_at_once(person.email) == {InvalidCredentialsError: GUESSES}
