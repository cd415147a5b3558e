"""People and their tokens, without HTTP."""

from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError

from apps.accounts import contracts, facade, services
from apps.accounts.errors import EmailTakenError, PersonNotFoundError
from apps.accounts.models import User
from gdmarket import clock, ids
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db


def register(user_id: UUID, email: str = "min@example.com") -> User:
    return services.register(user_id=user_id, email=email, password="four-small-words", display_name="민", now=clock.now())


def test_the_same_registration_again_is_the_same_person() -> None:
    user_id = ids.uuid7()
    assert register(user_id) == register(user_id)
    assert User.objects.count() == 1


def test_one_id_is_one_person_and_one_address_too() -> None:
    user_id = ids.uuid7()
    register(user_id)
    for other_id, email in ((user_id, "other@example.com"), (ids.uuid7(), "min@example.com")):
        with pytest.raises(EmailTakenError):
            register(other_id, email)
    assert User.objects.count() == 1


def test_the_facade_returns_name_and_roles() -> None:
    both: Any = UserFactory(is_item_manager=True, is_staff=True, display_name="둘 다")
    assert facade.get_person(user_id=both.id) == contracts.Person(
        id=both.id, display_name="둘 다", roles=("renter", "item_manager", "operator")
    )
    with pytest.raises(PersonNotFoundError):
        facade.get_person(user_id=ids.uuid7())


def test_the_database_refuses_an_address_in_upper_case() -> None:
    with pytest.raises(IntegrityError):
        User.objects.create(email="Min@example.com", display_name="민")


def test_the_database_refuses_an_empty_name() -> None:
    with pytest.raises(IntegrityError):
        User.objects.create(email="min@example.com", display_name="")


def test_a_superuser_is_an_operator_and_nothing_else() -> None:
    operator = User.objects.create_superuser(email="Op@example.com", password="four-small-words", display_name="운영")
    assert (operator.email, operator.roles, operator.is_superuser) == ("op@example.com", ["operator"], True)


def test_the_demo_password_is_strong_enough() -> None:
    for name in ("manager", "renter", "operator"):
        person = services.register(
            user_id=ids.uuid7(), email=f"{name}@example.com", password="gdmarket-demo", display_name=name, now=clock.now()
        )
        assert person.check_password("gdmarket-demo")
