"""What a check has to say."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is: `warn` can wait until tomorrow, `fail` cannot."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One line of the doctor's; `remedy` is what to do, "" where nothing is."""

    level: Level
    what: str
    found: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stance:
    """What the market is held to: with `deploy` that strangers reach it and that its money is real."""

    deploy: bool

    @property
    def strict(self) -> Level:
        """How bad it is what only a market in service must not have."""
        return Level.FAIL if self.deploy else Level.WARN


Findings = Iterator[Finding]


def ok(what: str, found: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(level=Level.OK, what=what, found=found)


def warn(what: str, found: str, remedy: str) -> Finding:
    """Return that something should be seen to."""
    return Finding(level=Level.WARN, what=what, found=found, remedy=remedy)


def fail(what: str, found: str, remedy: str) -> Finding:
    """Return that something is broken."""
    return Finding(level=Level.FAIL, what=what, found=found, remedy=remedy)


def at(level: Level, what: str, found: str, remedy: str) -> Finding:
    """Return a finding whose level depends on the stance."""
    return Finding(level=level, what=what, found=found, remedy=remedy)
