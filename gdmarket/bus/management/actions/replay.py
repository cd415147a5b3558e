"""`bus replay`."""

from datetime import datetime
from typing import Any

from django.core.management.base import OutputWrapper

from gdmarket.bus import redelivery
from gdmarket.bus.management.actions.parsing import add_dry_run, instant
from gdmarket.bus.management.actions.printing import shown
from gdmarket.console import add_action


def add_to(actions: Any) -> None:
    """Add the action."""
    replay = add_action(
        actions,
        "replay",
        _replay,
        "deliver old events anew to a context that old news cannot harm; the relay does the work",
        more=(
            "Only to its handlers that are marked so, and no timers. What is outstanding already is not added twice: this may be stopped, "
            "repeated, and run beside everything else. To try dead deliveries again, use `bus dead replay`."
        ),
    )
    replay.add_argument("context", help="for example: status_view")
    replay.add_argument("--since", type=instant, metavar="INSTANT", help="events that happened from then on, as in 2026-11-24T09:00:00Z")
    replay.add_argument("--stream", help="one thing's events, as in item:0198…")
    replay.add_argument("--all", dest="everything", action="store_true", help="all there are")
    add_dry_run(replay)
    replay.set_defaults(refuse=replay.error)


def _replay(
    *, out: OutputWrapper, context: str, since: datetime | None, stream: str | None, everything: bool, dry_run: bool, refuse: Any, **_: Any
) -> None:
    if everything == (since is not None or stream is not None):
        refuse("say which events: --all of them, or those of --since, --stream or both")
    work = redelivery.redeliver(subscriber=context, since=since, stream=stream, dry_run=dry_run)
    count = sum(shown(work, title=f"replay to {context}"))
    out.write(f"{count} old events {'would' if dry_run else 'will'} be delivered to {context} anew")
