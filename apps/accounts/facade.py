"""What other contexts may ask of accounts."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from apps.accounts import queries, services
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


def publish_standings(*, user_ids: Collection[UUID], now: datetime) -> int:
    """Publish of these item managers what nobody was told, as they were changed outside the admin; return of how many.

    Ids of nobody are left out.
    """
    return services.publish_standings(user_ids=user_ids, now=now)
