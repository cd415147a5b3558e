"""What other contexts may ask of accounts."""

from collections.abc import Collection
from uuid import UUID

from apps.accounts import queries
from apps.accounts.contracts import Person


def list_people(*, user_ids: Collection[UUID]) -> list[Person]:
    """Return the people with these ids; unknown ids are left out."""
    users = queries.list_users(user_ids=user_ids)
    return [Person(id=user.id, display_name=user.display_name, roles=tuple(user.roles)) for user in users]


def get_person(*, user_id: UUID) -> Person:
    """Return a person.

    :raises PersonNotFoundError: if there is none with this id
    """
    user = queries.get_user(user_id=user_id)
    return Person(id=user.id, display_name=user.display_name, roles=tuple(user.roles))
