"""What crosses the boundary of accounts."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """A person; never an e-mail address, a telephone number or a password."""

    id: UUID
    display_name: str
    roles: tuple[str, ...]
