"""`bus purge`."""

from typing import Any

from django.core.management.base import OutputWrapper

from gdmarket import databases
from gdmarket.bus import log_ranges, retention
from gdmarket.bus.management.actions.parsing import add_dry_run
from gdmarket.bus.management.actions.printing import shown
from gdmarket.console import add_action, positive_int

_CENTURY = 36_500
# As many events can be named in one statement on every database.
_LONGEST = 10_000


def add_to(actions: Any) -> None:
    """Add the action."""
    purge = add_action(
        actions,
        "purge",
        _purge,
        "delete old events, in chunks",
        more=(
            "Never the newest of a stream, never one that somebody has still to handle. It may be stopped, repeated, and run beside "
            "everything else; between chunks it rests, so that others can write. Exit code: 0, whatever there was to delete."
        ),
    )
    purge.add_argument(
        "--keep-days",
        type=positive_int(upto=_CENTURY),
        required=True,
        metavar="N",
        help="keep what happened in the last N days; at least 1",
    )
    purge.add_argument(
        "--chunk",
        type=positive_int(upto=_LONGEST),
        default=log_ranges.LENGTH,
        metavar="N",
        help="how many events to look at in a transaction (%(default)s)",
    )
    add_dry_run(purge)


def _purge(*, out: OutputWrapper, keep_days: int, chunk: int, dry_run: bool, **_: Any) -> None:
    purged = kept = 0
    for using in databases.aliases():
        for done in shown(retention.purge(keep_days=keep_days, chunk=chunk, dry_run=dry_run, using=using), title="purge"):
            purged, kept = purged + done.purged, kept + done.kept
    out.write(
        f"{purged} events older than {keep_days} days {'would be' if dry_run else 'were'} deleted; "
        f"{kept} as old {'would be' if dry_run else 'were'} kept, as the newest of their streams or still to be handled"
    )
