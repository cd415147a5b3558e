"""The roles a person may have, and how an e-mail address is written."""

from enum import StrEnum


class Role(StrEnum):
    """What somebody may do; one person may have several."""

    RENTER = "renter"
    ITEM_MANAGER = "item_manager"
    OPERATOR = "operator"


def roles_of(*, is_renter: bool, is_item_manager: bool, is_staff: bool) -> list[str]:
    """Return the names of the roles, in the order renter, item manager, operator."""
    held = ((Role.RENTER, is_renter), (Role.ITEM_MANAGER, is_item_manager), (Role.OPERATOR, is_staff))
    return [str(role) for role, has_it in held if has_it]


def written_email(email: str) -> str:
    """Return the one way we write an e-mail address: without spaces around it, in lower case."""
    return email.strip().lower()
