"""Registering and signing in over HTTP."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from pytest_django import Settings
from rest_framework.test import APIClient

from apps.accounts import domain
from apps.accounts.models import FailedLogin, RefreshToken, User
from gdmarket import clock
from tests.factories.accounts import PASSWORD, UserFactory
from tests.passing_time import PassingTime
from tests.passwords import QuickHasher

pytestmark = pytest.mark.django_db

AsUser = Callable[[Any], APIClient]
NEW = {"email": "Min@Example.com", "password": "four-small-words", "display_name": "민"}


def register(api: APIClient, **changes: Any) -> Any:
    return api.post("/api/v1/auth/register", {**NEW, **changes}, format="json")


def sign_in(api: APIClient, email: str, password: str = PASSWORD, **headers: Any) -> Any:
    return api.post("/api/v1/auth/token", {"email": email, "password": password}, format="json", **headers)


def refresh(api: APIClient, token: str) -> Any:
    return api.post("/api/v1/auth/token/refresh", {"refresh": token}, format="json")


def is_known(api: APIClient, access: str) -> bool:
    status = api.get("/api/v1/rentals", HTTP_AUTHORIZATION=f"Bearer {access}").status_code
    assert status in {200, 401}
    return bool(status == 200)


def test_new_people_are_renters(api: APIClient) -> None:
    answer = register(api)
    person = User.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {"id": str(person.id), "email": "min@example.com", "display_name": "민", "roles": ["renter"]}
    assert UUID(answer.json()["id"]).version == 7
    assert sign_in(api, "MIN@example.com", "four-small-words").status_code == 200


@pytest.mark.parametrize("field", ["roles", "is_staff", "is_item_manager", "is_superuser", "id"])
def test_nobody_gives_themselves_a_role(api: APIClient, field: str) -> None:
    answer = register(api, **{field: True})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "unknown_field")
    assert not User.objects.exists()


def test_an_address_is_taken_once_however_it_is_written(api: APIClient) -> None:
    register(api)
    answer = register(api, email="min@EXAMPLE.com ", display_name="다른 민")
    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")
    assert User.objects.count() == 1


@pytest.mark.parametrize("password", ["short", "password", "12345678901", "min@example.com"])
def test_a_password_that_is_easy_to_guess_is_refused(api: APIClient, password: str) -> None:
    answer = register(api, password=password)
    assert (answer.status_code, answer.json()["code"]) == (400, "weak_password")
    assert answer.json()["errors"][0]["field"] == "password"
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [({"email": "nobody"}, "email"), ({"display_name": " "}, "display_name"), ({"display_name": "x" * 101}, "display_name")],
)
def test_a_malformed_registration_is_refused(api: APIClient, change: dict[str, str], field: str) -> None:
    answer = register(api, **change)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (400, [field])


def test_an_access_token_authenticates_its_person(api: APIClient) -> None:
    person: Any = UserFactory()
    tokens = sign_in(api, person.email).json()
    assert tokens.keys() == {"access", "refresh"}
    assert is_known(api, tokens["access"])
    assert not is_known(api, tokens["refresh"])


@pytest.mark.parametrize("who", ["unknown", "wrong password", "inactive"])
def test_nobody_learns_why_signing_in_failed(api: APIClient, who: str) -> None:
    person: Any = UserFactory(is_active=who != "inactive")
    email = "unknown@example.com" if who == "unknown" else person.email
    answer = sign_in(api, email, PASSWORD if who == "inactive" else "wrong-words")
    problem = answer.json()
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert (problem["code"], problem["detail"]) == ("invalid_credentials", "E-mail address or password is wrong.")


def test_an_unknown_address_takes_as_much_hashing_as_a_wrong_password(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    encode = QuickHasher.encode

    def noted(hasher: QuickHasher, password: str, salt: str, iterations: int | None = None) -> str:
        hashed.append(password)
        return encode(hasher, password, salt, iterations)

    monkeypatch.setattr(QuickHasher, "encode", noted)
    person: Any = UserFactory()
    hashed.clear()
    sign_in(api, person.email, "wrong-words")
    for_known = len(hashed)
    sign_in(api, "unknown@example.com", "wrong-words")
    assert for_known == len(hashed) - for_known == 1


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer x", "bearer a.b.c", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "Bearer 쉰"]
)
def test_a_bad_token_is_401_and_not_anonymous(api: APIClient, header: str) -> None:
    answer = api.get("/api/v1/items", HTTP_AUTHORIZATION=header)
    assert (answer.status_code, answer.json()["code"], answer["WWW-Authenticate"]) == (401, "token_not_valid", "Bearer")


def test_another_scheme_is_anonymous(api: APIClient) -> None:
    assert api.get("/api/v1/rentals", HTTP_AUTHORIZATION="Basic eDp5").json()["code"] == "not_authenticated"


def test_an_access_token_expires_after_an_hour(api: APIClient, pass_time: PassingTime) -> None:
    person: Any = UserFactory()
    access = sign_in(api, person.email).json()["access"]
    pass_time(minutes=59)
    assert is_known(api, access)
    pass_time(minutes=1, seconds=1)
    assert not is_known(api, access)


@pytest.mark.parametrize("what", ["inactive", "new password", "deleted", "secret replaced"])
def test_a_token_is_revoked_with_its_person_password_or_secret(api: APIClient, settings: Settings, what: str) -> None:
    person: Any = UserFactory()
    tokens = sign_in(api, person.email).json()
    if what == "inactive":
        User.objects.update(is_active=False)
    elif what == "deleted":
        person.delete()
    elif what == "new password":
        person.set_password("other-words")
        person.save()
    else:
        settings.SECRET_KEY = "another-secret-that-is-long-enough-for-everybody"
    assert not is_known(api, tokens["access"])
    answer = refresh(api, tokens["refresh"])
    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")


def test_tokens_of_a_fallback_secret_are_accepted(api: APIClient, settings: Settings) -> None:
    person: Any = UserFactory()
    tokens = sign_in(api, person.email).json()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-secret-that-is-long-enough-for-everybody"
    assert is_known(api, tokens["access"])
    assert refresh(api, tokens["refresh"]).status_code == 200


def test_a_refresh_token_gives_the_next_pair_and_cannot_be_used_again(api: APIClient, pass_time: PassingTime) -> None:
    person: Any = UserFactory()
    first = sign_in(api, person.email).json()
    pass_time(days=29)
    second = refresh(api, first["refresh"]).json()
    assert is_known(api, second["access"])
    assert refresh(api, first["refresh"]).status_code == 401
    pass_time(days=29)
    assert refresh(api, second["refresh"]).status_code == 200


def test_a_refresh_token_used_again_later_revokes_the_whole_chain(api: APIClient, pass_time: PassingTime) -> None:
    person: Any = UserFactory()
    other_device = sign_in(api, person.email).json()
    stolen = sign_in(api, person.email).json()
    thiefs = refresh(api, stolen["refresh"]).json()
    pass_time(seconds=11)
    assert refresh(api, stolen["refresh"]).status_code == 401
    assert refresh(api, thiefs["refresh"]).status_code == 401
    assert refresh(api, other_device["refresh"]).status_code == 200


def test_a_refresh_token_expires_after_thirty_days_and_is_deleted(api: APIClient, pass_time: PassingTime) -> None:
    person: Any = UserFactory()
    first = sign_in(api, person.email).json()
    pass_time(days=30, seconds=1)
    assert refresh(api, first["refresh"]).status_code == 401
    sign_in(api, person.email)
    assert RefreshToken.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_refresh_token_used_by_many_at_once_serves_one_and_revokes_nothing(api: APIClient) -> None:
    person: Any = UserFactory()
    token = sign_in(api, person.email).json()["refresh"]
    together = threading.Barrier(4)

    def use_it(_: int) -> Any:
        together.wait(10)
        try:
            return refresh(APIClient(), token)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(use_it, range(4)), key=lambda answer: answer.status_code)
    assert [answer.status_code for answer in answers] == [200, 401, 401, 401]
    assert refresh(api, answers[0].json()["refresh"]).status_code == 200


def test_somebody_who_refreshes_for_ever_keeps_a_bounded_number_of_tokens(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain, "REFRESH_TOKENS_OF_ONE_PERSON", 5)
    person: Any = UserFactory()
    other: Any = UserFactory()
    kept = sign_in(api, other.email).json()["refresh"]
    token = sign_in(api, person.email).json()["refresh"]
    for _ in range(9):
        token = refresh(api, token).json()["refresh"]
    assert RefreshToken.objects.filter(user=person).count() == 5
    assert refresh(api, token).status_code == 200
    assert refresh(api, kept).status_code == 200


def test_refresh_tokens_are_stored_as_digests(api: APIClient) -> None:
    person: Any = UserFactory()
    token = sign_in(api, person.email).json()["refresh"]
    assert token not in str(RefreshToken.objects.values().get())


def test_wrong_passwords_from_one_address_block_the_account_there_alone(api: APIClient, pass_time: PassingTime) -> None:
    person: Any = UserFactory()
    email: str = person.email
    assert {sign_in(api, email, "wrong", REMOTE_ADDR=f"2001:db8::{n}").status_code for n in range(5)} == {401}
    answer = sign_in(api, email.upper(), REMOTE_ADDR="2001:db8::99")
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert 25 <= int(answer["Retry-After"]) <= 30
    assert sign_in(api, email, REMOTE_ADDR="2001:db8:0:1::1").status_code == 200
    pass_time(seconds=31)
    assert sign_in(api, email, REMOTE_ADDR="2001:db8::99").status_code == 200


def test_a_successful_login_is_not_counted(api: APIClient) -> None:
    person: Any = UserFactory()
    assert {sign_in(api, person.email).status_code for _ in range(12)} == {200}
    assert not FailedLogin.objects.exists()


def test_wrong_passwords_are_counted_under_digests_and_deleted(api: APIClient) -> None:
    sign_in(api, "min@example.com", "wrong", REMOTE_ADDR="10.0.0.7")
    assert "min" not in str(list(FailedLogin.objects.values()))
    assert "10.0.0.7" not in str(list(FailedLogin.objects.values()))
    FailedLogin.objects.update(failed_at=clock.now() - timedelta(hours=1))
    sign_in(api, "other@example.com", "wrong")
    assert FailedLogin.objects.count() == 3


def test_an_address_that_grows_too_long_in_lower_case_is_refused(api: APIClient) -> None:
    email = "a@" + ".".join(["İ" * 15] * 15) + ".com"
    answer = register(api, email=email)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "email")
    assert not User.objects.exists()


@pytest.mark.parametrize("nothing", ["\u3164", "\u200b\u2060", "\u00a0\u3000", "\u2800\ufe0f"])
def test_a_person_whose_name_shows_nothing_is_not_registered(api: APIClient, nothing: str) -> None:
    answer = register(api, display_name=nothing)
    assert (answer.status_code, answer.json()["errors"][0]["field"], answer.json()["errors"][0]["code"]) == (400, "display_name", "blank")
    assert not User.objects.exists()
