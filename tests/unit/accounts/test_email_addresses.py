"""One e-mail address is one account, however its domain is written."""

import unicodedata
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts import domain
from apps.accounts.models import FailedLogin, User
from tests.factories.accounts import PASSWORD, UserFactory
from tests.migrating import migrate, newest

HANGUL, PUNYCODE = "u@한글.kr", "u@xn--bj0bj06e.kr"
FORMS = [HANGUL, PUNYCODE, "U@XN--BJ0BJ06E.KR", unicodedata.normalize("NFD", HANGUL), "u@한글。kr", " u@한글．ＫＲ"]


def post(path: str, **body: str) -> Any:
    return APIClient().post(f"/api/v1/auth/{path}", body, format="json")


@pytest.mark.django_db
@pytest.mark.parametrize("first", [HANGUL, PUNYCODE])
def test_an_address_in_hangul_and_its_punycode_are_one_account(first: str) -> None:
    registered = post("register", email=first, password="four-small-words", display_name="민")
    assert (registered.status_code, registered.json()["email"]) == (201, HANGUL)
    for form in FORMS[:4]:  # the others are malformed when they are typed to register
        again = post("register", email=form, password="four-small-words", display_name="다른 민")
        assert (again.status_code, again.json()["code"]) == (409, "email_taken"), form
    for form in FORMS:
        assert post("token", email=form, password="four-small-words").status_code == 200, form
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_wrong_passwords_are_counted_for_the_account_in_whatever_form_they_come() -> None:
    UserFactory(email=HANGUL)
    assert [post("token", email=form, password="wrong").status_code for form in FORMS[:5]] == [401] * 5
    assert post("token", email=FORMS[5], password=PASSWORD).status_code == 429
    assert FailedLogin.objects.values("subject").distinct().count() == 3


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_have_one_normal_form(form: str) -> None:
    assert domain.normalize_email(email=form) == HANGUL
    assert domain.email_forms(email=form)[-1] in {HANGUL, PUNYCODE}


@pytest.mark.parametrize(
    "email",
    [
        "u@example.com",
        "u@straße.de",  # another domain than strasse.de
        "u@xn--",
        "u@xn--a",  # of ASCII alone
        "u@xn--99999999.kr",  # no Punycode
        "u@xn--.kr",
        "nobody",
        "",
        "a@b@example.com",
    ],
)
def test_what_has_no_other_form_stays_as_it_is(email: str) -> None:
    assert domain.normalize_email(email=email) == email


@pytest.mark.parametrize("hidden", ["a/b", "a@b", "a b", "a\u200bb", "한\u202e글", "ﬁ한"])
def test_punycode_of_what_is_no_domain_is_not_shown(hidden: str) -> None:
    email = f"u@xn--{hidden.encode('punycode').decode()}.kr".lower()
    assert domain.normalize_email(email=email) == email


@pytest.mark.django_db(transaction=True)
def test_people_of_before_are_rewritten_or_found() -> None:
    migrate(("accounts", "0005_manager_standing"))
    try:
        for email in (PUNYCODE, "both@한글.kr", "both@xn--bj0bj06e.kr", "plain@example.com"):
            UserFactory(email="x@example.com")
            User.objects.filter(email="x@example.com").update(email=email, search_text="old")
    finally:
        migrate(newest("accounts"))
    assert set(User.objects.values_list("email", flat=True)) == {HANGUL, "both@한글.kr", "both@xn--bj0bj06e.kr", "plain@example.com"}
    assert User.objects.get(email=HANGUL).search_text != "old"
    for email in ("both@한글.kr", "both@xn--bj0bj06e.kr"):
        assert User.objects.get_by_natural_key(email).email == email
        assert post("token", email=email, password=PASSWORD).status_code == 200


@pytest.mark.django_db
def test_somebody_whom_the_version_before_stored_in_punycode_is_found_by_both_forms() -> None:
    UserFactory(email="x@example.com")
    User.objects.update(email=PUNYCODE)
    for form in FORMS:
        assert post("token", email=form, password=PASSWORD).status_code == 200
    for form in FORMS[:4]:
        assert post("register", email=form, password="four-small-words", display_name="민").status_code == 409
