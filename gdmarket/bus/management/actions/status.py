"""`bus status`."""

import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC
from typing import Any, NamedTuple

from django.core.management.base import CommandError, OutputWrapper
from django.db import InterfaceError, OperationalError, connection, connections

from gdmarket import clock, databases
from gdmarket.bus import backlog, throughput
from gdmarket.bus.backlog import Backlog
from gdmarket.bus.management.actions.parsing import interval
from gdmarket.bus.throughput import Look
from gdmarket.console import add_action, format_duration, print_json, print_table, seconds

_TITLES = ("context", "pending", "oldest", "per s", "timers", "dead", "relay seen", "")
_CLEARED = "\x1b[H\x1b[2J"
_AWAY_S = 1.0
_Rates = Mapping[str, float]


def add_to(actions: Any) -> None:
    """Add the action."""
    status = add_action(
        actions,
        "status",
        _status,
        "show how far behind each context is",
        more=(
            "Pending is what is due, and oldest for how long the oldest of it has waited; per s is how many deliveries a second were "
            "handled while this looked on; timers are not due yet; dead waits for you; "
            "relay seen is when a relay last came round for the context. "
            "Exit code: 0, or with --fail-over 1 when somebody must look."
        ),
    )
    status.add_argument("--json", action="store_true", help="for machines; with --watch one line a look")
    status.add_argument(
        "--sample", type=seconds, default=1.0, metavar="SECONDS", help="how long to look on for the rate; 0: no rate (%(default)s)"
    )
    status.add_argument(
        "--watch", type=interval, nargs="?", const=2.0, metavar="SECONDS", help="look again every so often, until Ctrl-C (%(const)s)"
    )
    status.add_argument(
        "--fail-over",
        type=seconds,
        metavar="SECONDS",
        help="end with exit code 1 when anything is dead, or has waited for longer than this in a context that is not paused",
    )


class _Found(NamedTuple):
    """What was measured, and which databases could not be asked."""

    backlogs: dict[str, Backlog]
    away: list[str]


def _status(*, out: OutputWrapper, json: bool, sample: float, watch: float | None, fail_over: float | None, **_: Any) -> None:
    if watch is None:
        found, rates = _sampled(sample)
        _show(out, found.backlogs, rates, json=json)
        _refuse_behind(found, fail_over)
        return
    while True:
        try:
            for found, rates in _watched(watch):
                _show(out, found.backlogs, rates, json=json, again=True)
                _refuse_behind(found, fail_over)
        except KeyboardInterrupt:
            return
        except (OperationalError, InterfaceError) as away:
            sys.stderr.write(f"the database cannot be asked, looking again: {away}\n")
            connection.close()
            time.sleep(max(watch, _AWAY_S))


def _measured() -> _Found:
    """Measure every log; where there are several, one that does not answer keeps the others from nobody's eyes."""
    backlogs: dict[str, Backlog] = {}
    away = []
    for using in databases.aliases():
        try:
            backlogs |= backlog.measure(using=using)
        except (OperationalError, InterfaceError) as failure:
            if len(databases.aliases()) == 1:
                raise
            away.append(using)
            connections[using].close()
            sys.stderr.write(f"the database {using} cannot be asked: {str(failure).strip()}\n")
    return _Found(backlogs, away)


def _looks() -> dict[str, Look]:
    looks = {}
    for using in databases.aliases():
        try:
            looks[using] = throughput.look(using=using)
        except (OperationalError, InterfaceError):
            # Whoever measures says so.
            if len(databases.aliases()) == 1:
                raise
            connections[using].close()
    return looks


def _sampled(sample_s: float) -> tuple[_Found, _Rates | None]:
    if not sample_s:
        return _measured(), None
    before = _looks()
    time.sleep(sample_s)
    return _measured(), _rates(before, _looks())


def _watched(every_s: float) -> Iterator[tuple[_Found, _Rates | None]]:
    rates, before = None, _looks()
    while True:
        yield _measured(), rates
        time.sleep(every_s)
        after = _looks()
        rates, before = _rates(before, after), after


def _rates(before: Mapping[str, Look], after: Mapping[str, Look]) -> _Rates:
    rates: dict[str, float] = {}
    for using in before.keys() & after.keys():
        rates |= throughput.handled_per_s(before=before[using], after=after[using])
    return rates


def _show(out: OutputWrapper, found: Mapping[str, Backlog], rates: _Rates | None, *, json: bool, again: bool = False) -> None:
    if json:
        told = {
            context: asdict(row) | {"handled_per_s": None if rates is None else rates.get(context, 0.0)} for context, row in found.items()
        }
        print_json(out, told, indent=None if again else 2)
        return
    if again:
        out.write(f"{_CLEARED if out.isatty() else ''}{clock.now().astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
    print_table(out, [_TITLES, *(_row(context, row, rates) for context, row in found.items())])
    if again and not out.isatty():
        out.write("")
    out.flush()


def _row(context: str, behind: Backlog, rates: _Rates | None) -> tuple[object, ...]:
    oldest = format_duration(behind.oldest_age_s) if behind.pending else "-"
    rate = "-" if rates is None else rates.get(context, 0.0)
    seen = "never" if behind.relay_seen_s is None else f"{format_duration(behind.relay_seen_s)} ago"
    return context, behind.pending, oldest, rate, behind.timers, behind.dead, seen, "paused" if behind.paused else ""


def _refuse_behind(found: _Found, fail_over_s: float | None) -> None:
    if fail_over_s is None:
        return
    told = [f"{using}: database away" for using in found.away]
    told += [f"{context}: {row.dead} dead" for context, row in found.backlogs.items() if row.dead]
    told += [
        f"{context}: behind by {format_duration(row.oldest_age_s)}"
        for context, row in found.backlogs.items()
        if row.oldest_age_s > fail_over_s and not row.paused
    ]
    if told:
        raise CommandError("; ".join(told))
