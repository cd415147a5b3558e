"""`manage.py catch_up`: make up for what processes of an older version left undone."""

from typing import Any

from django.core.management.base import BaseCommand

from config import catching_up


class Command(BaseCommand):
    """Makes up for what an older version left undone; can be repeated."""

    help = "Make up for what processes of an older version left undone. `migrate` does it, too; repeat it once the last of them has ended."

    def handle(self, *_args: Any, **_options: Any) -> None:
        done = catching_up.catch_up()
        self.stdout.write(
            f"told of {done['managers']} managers, described {done['listings']} listings, blurred {done['places']} places, "
            f"set timers for {done['ends']} periods"
        )
