"""Start, arguments, output and exit codes of management commands."""

import json
import logging
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, OutputWrapper
from django.core.serializers.json import DjangoJSONEncoder
from django.db import InterfaceError, OperationalError

from gdmarket.errors import DomainError

EXIT_CODES = "Exit codes: 0 done, 1 refused or failed, 2 wrong arguments, 3 the database cannot be used, 130 stopped by Ctrl-C."
_log = logging.getLogger(__name__)
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
_LONGEST_S = 100 * 365 * _DAY_S


class OperatorCommand(BaseCommand):
    """A command for operators: it starts without Django's checks of the code, which import every route and take a second."""

    requires_system_checks: list[str] = []


@contextmanager
def exit_codes() -> Iterator[None]:
    """End a command with one of `EXIT_CODES` and a message.

    :raises CommandError: if the block is refused, loses the database or is interrupted
    """
    try:
        yield
    except DomainError as refusal:
        raise CommandError(refusal.message) from refusal
    except (OperationalError, InterfaceError) as failure:
        raise CommandError(f"The database cannot be used: {str(failure).strip()}", returncode=3) from failure
    except KeyboardInterrupt as stopped:
        raise CommandError("Stopped. The work done so far is kept; the command can be run again.", returncode=130) from stopped


def add_action(actions: Any, name: str, act: Callable[..., None], what: str, *, more: str = "") -> ArgumentParser:
    """Add the action `name`, which calls `act(out=…, **options)`; `what` is its summary, `more` the rest of its own help."""
    parser: ArgumentParser = actions.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}. {more}".strip())
    parser.set_defaults(act=act)
    return parser


def report(out: OutputWrapper, line: str) -> None:
    """Report the progress of a long-running command: on `out`, as long as anybody reads it, or in the log if that is JSON."""
    if settings.GDMARKET_LOG_FORMAT == "json":
        _log.info("%s", line)
    else:
        with suppress(BrokenPipeError):
            out.write(line)
            out.flush()


def one_line(text: str) -> str:
    """Return the text on one line; a type for argparse that refuses blank text."""
    line = "".join(character if character.isprintable() else " " for character in text).strip()
    if not line:
        raise ArgumentTypeError("must not be blank")
    return line


def seconds(text: str) -> float:
    """Return a number of seconds from 0 to a hundred years; a type for argparse."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= _LONGEST_S:  # NaN fails the comparison too
        raise ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to {_LONGEST_S}")
    return found


def positive_int(*, upto: int) -> Callable[[str], int]:
    """Return a type for argparse: a whole number from 1 to `upto`."""

    def read(text: str) -> int:
        if not (text.isdecimal() and len(text) <= len(str(upto)) and 1 <= int(text) <= upto):
            raise ArgumentTypeError(f"{text!r} is not a whole number from 1 to {upto}")
        return int(text)

    return read


def print_json(out: OutputWrapper, value: object, *, indent: int | None = 2) -> None:
    """Print a value as JSON; with `indent=None` on one line."""
    out.write(json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=indent))


def print_table(out: OutputWrapper, rows: Sequence[Sequence[object]]) -> None:
    """Print rows in columns, the first aligned left, the others right."""
    widths = [max(len(str(row[n])) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        cells = (str(cell).ljust(w) if n == 0 else str(cell).rjust(w) for n, (cell, w) in enumerate(zip(row, widths, strict=True)))
        out.write("  ".join(cells).rstrip())


def format_duration(seconds: float) -> str:
    """Return a duration for people: `0.4 s`, `3 min 05 s`, `2 h 10 min`, `3 d 04 h`."""
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S:02} s"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S:02} min"
    return f"{whole // _DAY_S} d {whole % _DAY_S // _HOUR_S:02} h"
