"""`bus status`."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC
from typing import Any

from django.core.management.base import CommandError, OutputWrapper
from django.db import InterfaceError, OperationalError, connection, connections

from gdmarket import clock, databases
from gdmarket.bus import backlog
from gdmarket.bus.backlog import Backlog
from gdmarket.bus.management.actions.arguments import interval
from gdmarket.console import add_action, format_duration, print_json, print_table, seconds

_TITLES = ("context", "pending", "oldest", "timers", "dead", "relay seen", "")
_CLEAR = "\x1b[H\x1b[2J"
_RETRY_S = 1.0


def add_to(actions: Any) -> None:
    """Add the action."""
    status = add_action(
        actions,
        "status",
        _status,
        "show how far behind each context is",
        more=(
            "Pending is how many deliveries are due, and oldest the age of the oldest of them; timers are not due yet; dead wait for you; "
            "relay seen is when a relay last finished a round for the context. Exit code: 0, or with --fail-over 1 when an operator must "
            "act."
        ),
    )
    status.add_argument("--json", action="store_true", help="for machines; with --watch one line each time")
    status.add_argument("--watch", type=interval, nargs="?", const=2.0, metavar="SECONDS", help="repeat every so often (%(const)s)")
    status.add_argument(
        "--fail-over",
        type=seconds,
        metavar="SECONDS",
        help="exit with 1 if anything is dead, or has waited for longer than this in a context that is not paused",
    )


def _status(*, out: OutputWrapper, json: bool, watch: float | None, fail_over: float | None, **_: Any) -> None:
    while True:
        try:
            backlogs, unreachable = _measure()
            _show(out, backlogs, json=json, repeated=watch is not None)
            if fail_over is not None:
                _refuse_behind(backlogs, unreachable, fail_over)
            if watch is None:
                return
            time.sleep(watch)
        except KeyboardInterrupt:
            if watch is None:
                raise
            return
        except (OperationalError, InterfaceError) as failure:
            if watch is None:
                raise
            sys.stderr.write(f"the database does not answer, trying again: {failure}\n")
            connection.close()
            time.sleep(max(watch, _RETRY_S))


def _measure() -> tuple[dict[str, Backlog], list[str]]:
    """Return the backlogs of every log, and the databases that do not answer, unless it is the only one."""
    backlogs: dict[str, Backlog] = {}
    unreachable = []
    for using in databases.aliases():
        try:
            backlogs |= backlog.measure(using=using)
        except (OperationalError, InterfaceError) as failure:
            if len(databases.aliases()) == 1:
                raise
            sys.stderr.write(f"the database {using} does not answer: {str(failure).strip()}\n")
            connections[using].close()
            unreachable.append(using)
    return backlogs, unreachable


def _show(out: OutputWrapper, backlogs: Mapping[str, Backlog], *, json: bool, repeated: bool) -> None:
    if json:
        print_json(out, {context: asdict(row) for context, row in backlogs.items()}, indent=None if repeated else 2)
        return
    if repeated:
        out.write(f"{_CLEAR if out.isatty() else ''}{clock.now().astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
    print_table(out, [_TITLES, *(_row(context, row) for context, row in backlogs.items())])
    if repeated and not out.isatty():
        out.write("")
    out.flush()


def _row(context: str, row: Backlog) -> tuple[object, ...]:
    oldest = format_duration(row.oldest_age_s) if row.pending else "-"
    seen = "never" if row.relay_seen_s is None else f"{format_duration(row.relay_seen_s)} ago"
    return context, row.pending, oldest, row.timers, row.dead, seen, "paused" if row.paused else ""


def _refuse_behind(backlogs: Mapping[str, Backlog], unreachable: Sequence[str], limit_s: float) -> None:
    behind = {context: row.oldest_age_s for context, row in backlogs.items() if row.oldest_age_s > limit_s and not row.paused}
    reasons = [f"{using}: database away" for using in unreachable]
    reasons += [f"{context}: {row.dead} dead" for context, row in backlogs.items() if row.dead]
    reasons += [f"{context}: behind by {format_duration(age_s)}" for context, age_s in behind.items()]
    if reasons:
        raise CommandError("; ".join(reasons))
