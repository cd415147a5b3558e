"""`manage.py catch_up`: fill in what processes of an older version left out."""

from typing import Any

from config import catching_up
from gdmarket.console import OperatorCommand


class Command(OperatorCommand):
    """Fills in what an older version left out; can be repeated."""

    help = "Fill in what processes of an older version left out. `migrate` does it, too; repeat it once the last of them has ended."

    def handle(self, *_args: Any, **_options: Any) -> None:
        done = catching_up.catch_up()
        self.stdout.write(
            f"published the state of {done['managers']} managers, described {done['listings']} items, blurred {done['places']} places, "
            f"scheduled the end of {done['ends']} rentals, made {done['categories']} categories, "
            f"told {done['payments']} payments their item"
        )
