"""`manage.py breaker`: looking after the circuit breakers."""

from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, OutputWrapper

from gdmarket.breaker import operations
from gdmarket.breaker.models import CircuitSnapshot, State
from gdmarket.console import EXIT_CODES, add_action, exit_codes, format_duration, one_line, positive_int, print_json, print_table

_TITLES = ("dependency", "state", "for", "ends in", "reason")
_WEEK_S = 7 * 24 * 3600
_BY_HAND = "by hand"


class Command(BaseCommand):
    """Shows, opens and closes; all processes go by it within a quarter of a second."""

    help = (
        "Look after the circuit breakers: how the dependencies outside stand, and whether they are asked. "
        f"Everything may be repeated, and run by several at once. {EXIT_CODES}"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
        _add_status(actions)
        _add_opening(actions)
        _add_closing(actions)

    def handle(self, *, act: Callable[..., None], **options: Any) -> None:
        with exit_codes():
            act(out=self.stdout, **options)


def _add_status(actions: Any) -> None:
    status = add_action(
        actions,
        "status",
        _status,
        "show how the dependencies stand",
        more=(
            "Closed: calls go through. Open: none does, until it ends. Half-open: a few do, as a trial; those that do not come back are "
            "given up when it ends. Exit code: 0, or with --fail-open 1 when one is not closed."
        ),
    )
    status.add_argument("--json", action="store_true", help="for machines")
    status.add_argument("--fail-open", action="store_true", help="end with exit code 1 when a dependency is open or half-open")


def _add_opening(actions: Any) -> None:
    opening = add_action(
        actions,
        "open",
        _open,
        "let nobody ask a dependency",
        more="Once it ends, a few calls go through as a trial. A second time, it counts from then on.",
    )
    opening.add_argument("dependency", help="for example: payments")
    opening.add_argument(
        "--for",
        dest="for_s",
        type=positive_int(upto=_WEEK_S),
        metavar="SECONDS",
        help="for so long, at most a week; else until it is closed",
    )
    opening.add_argument("--reason", type=one_line, help="for whoever looks at the status")


def _add_closing(actions: Any) -> None:
    closing = add_action(actions, "close", _close, "let everybody ask a dependency again, at once", more="A second time changes nothing.")
    closing.add_argument("dependency", help="for example: payments")


def _status(*, out: OutputWrapper, json: bool, fail_open: bool, **_: Any) -> None:
    found = operations.list_circuits()
    if json:
        print_json(out, {name: asdict(snapshot) for name, snapshot in found.items()})
    else:
        print_table(out, [_TITLES, *(_row(name, snapshot) for name, snapshot in found.items())])
    if fail_open:
        _refuse_open(found)


def _row(name: str, snapshot: CircuitSnapshot) -> tuple[str, ...]:
    lasted = "-" if snapshot.lasted_s is None else format_duration(snapshot.lasted_s)
    if snapshot.state is State.CLOSED:
        return name, snapshot.state, lasted, "-", snapshot.reason
    left = "never" if snapshot.left_s is None else format_duration(snapshot.left_s)
    return name, snapshot.state, lasted, left, snapshot.reason


def _refuse_open(found: Mapping[str, CircuitSnapshot]) -> None:
    told = [f"{name}: {snapshot.state.value}" for name, snapshot in found.items() if snapshot.state is not State.CLOSED]
    if told:
        raise CommandError("; ".join(told))


def _open(*, out: OutputWrapper, dependency: str, for_s: int | None, reason: str | None, **_: Any) -> None:
    operations.open_by_hand(name=dependency, for_s=for_s, reason=f"{_BY_HAND}: {reason}" if reason else _BY_HAND)
    until = f"for {format_duration(for_s)}" if for_s else f"until `breaker close {dependency}`"
    out.write(f"{dependency} is open: nobody asks it, {until}")


def _close(*, out: OutputWrapper, dependency: str, **_: Any) -> None:
    was_open = operations.close_by_hand(name=dependency, reason=_BY_HAND)
    out.write(f"{dependency} is closed: it is asked again" if was_open else f"{dependency} was closed before")
