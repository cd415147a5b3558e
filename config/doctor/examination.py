"""All checks, in the order in which a cause comes before what it causes."""

from collections.abc import Callable, Iterator

from django.db import Error

from config.doctor import bus, databases, deployment, payments, tidiness
from config.doctor.findings import Finding, Findings, Level, Stance, fail

_OF_SETTINGS = (*deployment.CHECKS, payments.provider, payments.reach)
_OF_DATA = (*bus.CHECKS, payments.breakers, payments.unsettled, *tidiness.CHECKS)


def examine(*, stance: Stance) -> Iterator[Finding]:
    """Yield what every check finds; none stops the others."""
    for check in _OF_SETTINGS:
        yield from _survive(check, stance)
    found = list(_survive(databases.examine, stance))
    yield from found
    if any(finding.level is Level.FAIL and "cannot be used" in finding.found for finding in found):
        return
    with databases.all_reading_only():
        for check in _OF_DATA:
            yield from _survive(check, stance)


def _survive(check: Callable[[Stance], Findings], stance: Stance) -> Iterator[Finding]:
    try:
        yield from check(stance)
    except Error as wrong:
        what = check.__name__.replace("_", " ")
        yield fail(what, f"cannot be looked at: {str(wrong).strip().splitlines()[0]}", "mend what is told above, and look again")
