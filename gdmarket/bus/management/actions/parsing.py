"""How actions say what they take."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from datetime import datetime
from typing import Any

_SHORTEST_S = 0.1


def add_action(actions: Any, name: str, act: Callable[..., None], what: str, *, more: str = "") -> ArgumentParser:
    """Add the action `name`, which calls `act(out=…, **options)`; `what` it does is told in a line, and with `more` in its own help."""
    parser: ArgumentParser = actions.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}. {more}".strip())
    parser.set_defaults(act=act)
    return parser


def add_dry_run(parser: ArgumentParser) -> None:
    """Let an action be tried without effect."""
    parser.add_argument("--dry-run", action="store_true", help="change nothing, only say what would be done")


def instant(text: str) -> datetime:
    """Return the instant written in ISO 8601 with its offset."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as unreadable:
        raise ArgumentTypeError(f"{text!r} is no instant: write it as in 2026-11-24T09:00:00Z") from unreadable
    if found.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} lacks its offset: write Z, or as in 2026-11-24T09:00:00+09:00")
    return found


def words(text: str) -> str:
    """Return the text, which says something."""
    if not text.strip():
        raise ArgumentTypeError("say it in words")
    return text.strip()


def interval(text: str) -> float:
    """Return the number of seconds, 0.1 or more."""
    found = seconds(text)
    if found < _SHORTEST_S:
        raise ArgumentTypeError(f"{text!r} is too often: {_SHORTEST_S} seconds or more")
    return found


def whole(*, upto: int) -> Callable[[str], int]:
    """Return what reads a whole number from 1 to `upto`."""

    def read(text: str) -> int:
        if not (text.isdecimal() and len(text) <= len(str(upto)) and 1 <= int(text) <= upto):
            raise ArgumentTypeError(f"{text!r} is no whole number from 1 to {upto}")
        return int(text)

    return read


def seconds(text: str) -> float:
    """Return the number of seconds, 0 or more."""
    try:
        found = float(text)
    except ValueError as unreadable:
        raise ArgumentTypeError(f"{text!r} is no number of seconds") from unreadable
    if not 0 <= found < float("inf"):
        raise ArgumentTypeError(f"{text!r} is no number of seconds from 0 on")
    return found
