"""`manage.py bus`: looking after the event bus."""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError

from gdmarket.bus.management.actions import dead, pausing, purge, replay, status, trace
from gdmarket.errors import DomainError


class Command(BaseCommand):
    """Finds the action that is meant; each is a module of `actions`."""

    help = (
        "Look after the event bus: how far behind it is, pausing contexts, dead deliveries, old events, the story of a request. "
        "Everything may be repeated, and run by several at once. "
        "Exit codes: 0 done, 1 refused or failed, 2 misused, 3 the database cannot be used, 130 stopped by Ctrl-C."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
        for action in (status, pausing, dead, replay, trace, purge):
            action.add_to(actions)

    def handle(self, *, act: Callable[..., None], **options: Any) -> None:
        try:
            act(out=self.stdout, **options)
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        except (OperationalError, InterfaceError) as away:
            raise CommandError(f"The database cannot be used: {str(away).strip()}", returncode=3) from away
        except KeyboardInterrupt as stopped:
            raise CommandError("Stopped. What was done stands, and it may be repeated.", returncode=130) from stopped
