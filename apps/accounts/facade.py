"""What other contexts may ask of accounts."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from apps.accounts import queries, services
from apps.accounts.contracts import Person, ReachablePerson


def list_people(*, user_ids: Collection[UUID]) -> list[Person]:
    """Return the people with these ids; unknown ids are left out."""
    users = queries.list_users(user_ids=user_ids)
    return [Person(id=user.id, display_name=user.display_name, roles=tuple(user.roles)) for user in users]


def list_reachable_people(*, user_ids: Collection[UUID]) -> list[ReachablePerson]:
    """Return the people with these ids and their e-mail addresses, which the caller shows to those alone who have business with them."""
    users = queries.list_users(user_ids=user_ids).values_list("id", "display_name", "email")
    return [ReachablePerson(id=user_id, display_name=name, email=email) for user_id, name, email in users]


def get_person(*, user_id: UUID) -> Person:
    """Return a person.

    :raises PersonNotFoundError: if there is none with this id
    """
    user = queries.get_user(user_id=user_id)
    return Person(id=user.id, display_name=user.display_name, roles=tuple(user.roles))


def find_person(*, email: str) -> Person | None:
    """Return who has this e-mail address, however it is capitalised and its domain is written; None where nobody has."""
    user = queries.find_user(email=email)
    return Person(id=user.id, display_name=user.display_name, roles=tuple(user.roles)) if user else None


def find_renter(*, email: str) -> Person | None:
    """Return who has this e-mail address and may rent: a renter, and active; None where nobody may."""
    user = queries.find_user(email=email)
    return Person(id=user.id, display_name=user.display_name, roles=tuple(user.roles)) if user and user.may_rent else None


def streams_of(*, user_id: UUID) -> list[str]:
    """Return the streams of the events about a person."""
    return [services.stream_of(user_id=user_id)]


def publish_standings(*, user_ids: Collection[UUID], now: datetime) -> int:
    """Publish the suspensions and reinstatements of these managers that were not published, as they were changed outside the admin.

    Return how many there were. Ids of nobody are left out. For `catch_up`.
    """
    return services.publish_standings(user_ids=user_ids, now=now)


def find_people(*, words: str, by_address: bool, among: Collection[UUID] | None = None) -> dict[str, frozenset[UUID]]:
    """Return for each word of a search, folded, the ids of the people, of `among` where given, whose display name holds it.

    `by_address`, which is for operators, parts of an e-mail address count as well; a whole address finds its owner for everybody, who must
    know it. The caller uses the ids to find its own rows, and shows nobody a list of people.
    :raises TooManyPeopleError: if there is no `among` and more than 1,000 have the words in name or address
    """
    return queries.find_users(words=words, by_address=by_address, among=among)
