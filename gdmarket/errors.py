"""Domain errors: one class for each reason, whose docstring is the message and whose code is stable.

Contexts derive theirs from the kinds below; only `gdmarket.rest` maps a kind to an HTTP status.
"""

from collections.abc import Mapping
from typing import ClassVar

from django.utils.translation import gettext


class DomainError(Exception):
    """Something was refused."""

    code: ClassVar[str] = "refused"

    def __init__(self, **details: object) -> None:
        """Store `details`: plain values that fill the message and are shown to the caller."""
        self.details: Mapping[str, object] = details
        super().__init__(self.code)

    @property
    def message(self) -> str:
        """The first line of the class's docstring in the reader's language, with `{placeholders}` filled from the details."""
        first_line = (type(self).__doc__ or "").strip().splitlines()[0]
        # A detail may be a translatable word, such as a state.
        details = {name: gettext(value) if isinstance(value, str) and value else value for name, value in self.details.items()}
        return gettext(first_line).format(**details)

    def __str__(self) -> str:
        """Return the code and the message."""
        return f"{self.code}: {self.message}"


class InvalidError(DomainError):
    """A value is not acceptable."""

    code = "invalid"
    field: ClassVar[str | None] = None


class NotFoundError(DomainError):
    """There is no such thing."""

    code = "not_found"


class NotAuthenticatedError(DomainError):
    """We do not know who is asking."""

    code = "not_authenticated"


class ForbiddenError(DomainError):
    """This person may not do that."""

    code = "forbidden"


class ConflictError(DomainError):
    """The present state does not allow it."""

    code = "conflict"


class StaleError(DomainError):
    """It has changed since you read it: read it again."""

    code = "version_mismatch"


class DeclinedError(DomainError):
    """The payment provider declined."""

    code = "declined"


class UnavailableError(DomainError):
    """Something needed is not available just now."""

    code = "unavailable"

    def __init__(self, *, retry_after_s: float, **details: object) -> None:
        """Store after how many seconds a retry makes sense."""
        self.retry_after_s = retry_after_s
        super().__init__(retry_after_s=retry_after_s, **details)


class TooOftenError(UnavailableError):
    """This was asked too often in a short time."""

    code = "throttled"
