"""`manage.py bus`: looking after the event bus."""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand

from gdmarket.bus.management.actions import dead, pausing, purge, replay, status, trace
from gdmarket.console import EXIT_CODES, exit_codes


class Command(BaseCommand):
    """Finds the action that is meant; each is a module of `actions`."""

    help = (
        "Look after the event bus: how far behind it is, pausing contexts, dead deliveries, old events, the story of a request. "
        f"Everything may be repeated, and run by several at once. {EXIT_CODES}"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
        for action in (status, pausing, dead, replay, trace, purge):
            action.add_to(actions)

    def handle(self, *, act: Callable[..., None], **options: Any) -> None:
        with exit_codes():
            act(out=self.stdout, **options)
