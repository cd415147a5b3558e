"""What the breaker refuses."""

from gdmarket.errors import NotFoundError, UnavailableError


class OpenError(UnavailableError):
    """This dependency is not being called for now."""

    code = "breaker_open"


class NoSuchDependencyError(NotFoundError):
    """There is no dependency "{dependency}". Known: {known}."""

    code = "no_such_dependency"
