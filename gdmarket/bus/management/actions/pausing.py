"""`bus pause` and `bus resume`."""

from typing import Any

from django.core.management.base import OutputWrapper

from gdmarket.bus import subscriptions
from gdmarket.console import add_action


def add_to(actions: Any) -> None:
    """Add the two actions."""
    more = "A second time changes nothing."
    for name, act, what in (
        ("pause", _pause, "let a context's deliveries wait"),
        ("resume", _resume, "let a paused context catch up, in order"),
    ):
        add_action(actions, name, act, what, more=more).add_argument("context", help="for example: items")


def _pause(*, out: OutputWrapper, context: str, **_: Any) -> None:
    subscriptions.pause(context=context)
    out.write(f"{context} is paused; `bus resume {context}` lets it catch up")


def _resume(*, out: OutputWrapper, context: str, **_: Any) -> None:
    subscriptions.resume(context=context)
    out.write(f"{context} goes on; `bus status` shows it catching up")
