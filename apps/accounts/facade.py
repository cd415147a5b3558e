"""What neighbours may ask of accounts."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from apps.accounts import queries


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody, as neighbours see them: never an address, a telephone number or a password."""

    id: UUID
    display_name: str
    roles: tuple[str, ...]


def list_people(*, user_ids: Collection[UUID]) -> list[Person]:
    """Return those of these people that there are."""
    users = queries.list_users(user_ids=user_ids)
    return [Person(id=user.id, display_name=user.display_name, roles=tuple(user.roles)) for user in users]


def get_person(*, user_id: UUID) -> Person:
    """Return a person.

    :raises PersonNotFoundError: if there is none with this id
    """
    user = queries.get_user(user_id=user_id)
    return Person(id=user.id, display_name=user.display_name, roles=tuple(user.roles))
