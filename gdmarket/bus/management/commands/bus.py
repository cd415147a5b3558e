"""`manage.py bus`: operate the event bus."""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import OutputWrapper

from gdmarket.bus import subscriptions
from gdmarket.bus.management.actions import dead, old_events, status, trace
from gdmarket.console import EXIT_CODES, OperatorCommand, add_action, exit_codes


class Command(OperatorCommand):
    """Parses the arguments of an action and calls it."""

    help = (
        "Operate the event bus: how far behind it is, pausing contexts, dead deliveries, old events, the trace of a request. "
        f"Every action may be repeated, and run several times at once. {EXIT_CODES}"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
        status.add_to(actions)
        for name, act, what in (
            ("pause", _pause, "let a context's deliveries wait"),
            ("resume", _resume, "let a paused context catch up, in order"),
        ):
            add_action(actions, name, act, what, more="Repeating it changes nothing.").add_argument("context", help="for example: items")
        for action in (dead, old_events, trace):
            action.add_to(actions)

    def handle(self, *, act: Callable[..., None], **options: Any) -> None:
        with exit_codes():
            act(out=self.stdout, **options)


def _pause(*, out: OutputWrapper, context: str, **_: Any) -> None:
    subscriptions.pause(context=context)
    out.write(f"{context} is paused; `bus resume {context}` lets it catch up")


def _resume(*, out: OutputWrapper, context: str, **_: Any) -> None:
    subscriptions.resume(context=context)
    out.write(f"{context} goes on; `bus status` shows it catching up")
