"""`manage.py breaker`: show, open and close the circuit breakers."""

from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

from gdmarket.breaker import store
from gdmarket.breaker.models import CircuitSnapshot, State
from gdmarket.console import (
    EXIT_CODES,
    OperatorCommand,
    add_action,
    exit_codes,
    format_duration,
    one_line,
    positive_int,
    print_json,
    print_table,
)

_TITLES = ("dependency", "state", "for", "ends in", "reason")
_WEEK_S = 7 * 24 * 3600
_BY_HAND = "by hand"


class Command(OperatorCommand):
    """Shows, opens and closes; all processes follow within a quarter of a second."""

    help = f"Show, open and close the circuit breakers. Every action may be repeated, and run by several people at once. {EXIT_CODES}"

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
        status = add_action(
            actions,
            "status",
            _status,
            "show the state of every dependency",
            more=(
                "Closed: calls go through. Open: none does until it ends. Half-open: a few do, as probes; those not back when "
                "it ends are given up. Exit code: 0, or with --fail-open 1 if one is not closed."
            ),
        )
        status.add_argument("--json", action="store_true", help="print JSON")
        status.add_argument("--fail-open", action="store_true", help="exit with 1 if a dependency is open or half-open")
        opening = add_action(
            actions,
            "open",
            _open,
            "stop all calls to a dependency",
            more="When it ends, a few calls go through as probes. Repeated, it counts from then on.",
        )
        opening.add_argument("dependency", help="for example: payments")
        seconds = positive_int(upto=_WEEK_S)
        opening.add_argument("--for", dest="for_s", type=seconds, metavar="SECONDS", help="at most a week; by default until it is closed")
        opening.add_argument("--reason", type=one_line, help="shown by status")
        closing = add_action(actions, "close", _close, "allow calls to a dependency again, at once")
        closing.add_argument("dependency", help="for example: payments")

    def handle(self, *, act: Callable[..., None], **options: Any) -> None:
        with exit_codes():
            act(out=self.stdout, **options)


def _status(*, out: OutputWrapper, json: bool, fail_open: bool, **_: Any) -> None:
    circuits = store.list_circuits()
    if json:
        print_json(out, {name: asdict(snapshot) for name, snapshot in circuits.items()})
    else:
        print_table(out, [_TITLES, *(_row(name, snapshot) for name, snapshot in circuits.items())])
    not_closed = [f"{name}: {snapshot.state.value}" for name, snapshot in circuits.items() if snapshot.state is not State.CLOSED]
    if fail_open and not_closed:
        raise CommandError("; ".join(not_closed))


def _row(name: str, snapshot: CircuitSnapshot) -> tuple[str, ...]:
    lasted = "-" if snapshot.lasted_s is None else format_duration(snapshot.lasted_s)
    left = "never" if snapshot.left_s is None else format_duration(snapshot.left_s) if snapshot.left_s > 0 else "with the next call"
    return name, snapshot.state, lasted, "-" if snapshot.state is State.CLOSED else left, snapshot.reason


def _open(*, out: OutputWrapper, dependency: str, for_s: int | None, reason: str | None, **_: Any) -> None:
    store.open_by_hand(name=dependency, for_s=for_s, reason=f"{_BY_HAND}: {reason}" if reason else _BY_HAND)
    until = f"for {format_duration(for_s)}" if for_s else f"until `breaker close {dependency}`"
    out.write(f"{dependency} is open: no calls go through, {until}")


def _close(*, out: OutputWrapper, dependency: str, **_: Any) -> None:
    was_open = store.close_by_hand(name=dependency, reason=_BY_HAND)
    out.write(f"{dependency} is closed: calls go through" if was_open else f"{dependency} was closed already")
