"""What crosses the boundary of accounts."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """A person; never an e-mail address, a telephone number or a password."""

    id: UUID
    display_name: str
    roles: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReachablePerson:
    """A person with the e-mail address by which they are reached: for who has business with them, and nobody else."""

    id: UUID
    display_name: str
    email: str
