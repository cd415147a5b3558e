"""People in the web admin."""

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db

PEOPLE = "/admin/accounts/user/"


def signed_in(**traits: Any) -> Client:
    client = Client()
    client.force_login(UserFactory(**traits))
    return client


def test_operators_see_people_and_may_find_them() -> None:
    person: Any = UserFactory(display_name="한강 이웃")
    answer = signed_in(operator=True).get(PEOPLE, {"q": "한강"})
    assert answer.status_code == 200
    assert person.email in answer.content.decode()


@pytest.mark.parametrize("traits", [{"item_manager": True}, {"renter": True}])
def test_nobody_else_sees_people(traits: dict[str, bool]) -> None:
    person: Any = UserFactory()
    client = signed_in(**traits)
    for address in (PEOPLE, f"{PEOPLE}add/", f"{PEOPLE}{person.id}/change/", f"{PEOPLE}{person.id}/password/"):
        assert client.get(address).status_code in {302, 403}
    assert client.post(f"{PEOPLE}{person.id}/change/", {"display_name": "x"}).status_code in {302, 403}


def test_an_operator_adds_and_changes_people() -> None:
    client = signed_in(is_staff=True)
    words = "four-small-words"
    form = {"email": "New@example.com", "display_name": "새 이웃", "usable_password": "true", "password1": words, "password2": words}
    assert client.post(f"{PEOPLE}add/", {**form, "is_renter": "on"}).status_code == 302
    person = User.objects.get(email="new@example.com")
    assert person.check_password(words)
    changed = {"email": person.email, "display_name": "이름", "is_item_manager": "on", "is_active": "on"}
    assert client.post(f"{PEOPLE}{person.id}/change/", changed).status_code == 302
    person.refresh_from_db()
    assert (person.display_name, person.roles) == ("이름", ["item_manager"])


def test_no_page_of_people_speaks_of_hashes_or_other_ways_to_sign_in() -> None:
    person: Any = UserFactory()
    client = signed_in(operator=True)
    page = client.get(f"{PEOPLE}{person.id}/change/").content.decode()
    assert "<strong>Set</strong>" in page
    assert "../password/" in page
    assert "salt" not in page
    assert "LDAP" not in client.get(f"{PEOPLE}add/").content.decode()


def test_an_operator_makes_nobody_an_operator() -> None:
    person: Any = UserFactory()
    form = {"email": person.email, "display_name": "x", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    assert signed_in(is_staff=True).post(f"{PEOPLE}{person.id}/change/", form).status_code == 302
    person.refresh_from_db()
    assert (person.display_name, person.is_staff, person.is_superuser) == ("x", False, False)


def test_an_operator_changes_no_other_operator() -> None:
    boss: Any = UserFactory(operator=True)
    client = signed_in(is_staff=True)
    assert client.get(f"{PEOPLE}{boss.id}/password/").status_code == 403
    assert client.post(f"{PEOPLE}{boss.id}/change/", {"email": boss.email, "display_name": "x"}).status_code == 403
    boss.refresh_from_db()
    assert boss.display_name != "x"


def test_nobody_is_deleted() -> None:
    person: Any = UserFactory()
    assert signed_in(operator=True).post(f"{PEOPLE}{person.id}/delete/", {"post": "yes"}).status_code == 403
    assert User.objects.filter(id=person.id).exists()


def test_the_form_refuses_a_name_that_shows_nothing() -> None:
    person: Any = UserFactory(display_name="이웃")
    client = signed_in(is_staff=True)
    words = "four-small-words"
    form = {"email": "new@example.com", "display_name": "\u3164\u200b", "usable_password": "true", "password1": words, "password2": words}
    assert client.post(f"{PEOPLE}add/", form).status_code == 200
    changed = {"email": person.email, "display_name": "\u3164", "is_active": "on"}
    assert client.post(f"{PEOPLE}{person.id}/change/", changed).status_code == 200
    person.refresh_from_db()
    assert person.display_name == "이웃"
    assert not User.objects.filter(email="new@example.com").exists()


@pytest.mark.parametrize("words", ["한강이웃", "이웃 한강", "한강\u3000이웃", "Han.River@example.com", "han.river", "@EXAMPLE.com"])
def test_people_are_found_by_name_and_address_however_they_are_typed(words: str) -> None:
    person: Any = UserFactory(display_name="한강\u00a0이웃", email="han.river@example.com")
    UserFactory(display_name="다른 사람", email="someone@else.example")
    found = signed_in(operator=True).get(PEOPLE, {"q": words}).context["cl"].result_list
    assert person in found
    assert "someone@else.example" not in [each.email for each in found]


def test_a_person_renamed_in_the_form_is_found_by_the_new_name() -> None:
    person: Any = UserFactory(display_name="옛 이름")
    client = signed_in(is_staff=True)
    client.post(f"{PEOPLE}{person.id}/change/", {"email": person.email, "display_name": "새 이름", "is_active": "on"})
    assert list(client.get(PEOPLE, {"q": "새이름"}).context["cl"].result_list) == [person]
