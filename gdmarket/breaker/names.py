"""What the dependencies are called that this market has."""

_declared: set[str] = set()


def declare(name: str) -> str:
    """Let operators find a dependency before its breaker ever opened; return its name."""
    _declared.add(name)
    return name


def declared() -> frozenset[str]:
    """Return the names that modules of this market declared."""
    return frozenset(_declared)
