"""What the breaker refuses."""

from gdmarket.errors import NotFoundError, UnavailableError


class OpenError(UnavailableError):
    """This dependency is not being asked just now."""

    code = "breaker_open"


class NoSuchDependencyError(NotFoundError):
    """No breaker guards anything called "{dependency}". There are: {known}."""

    code = "no_such_dependency"
