"""`bus replay` and `bus purge`: work on old events, a range of the log at a time."""

import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, TypeVar

from django.core.management.base import OutputWrapper
from tqdm import tqdm

from gdmarket import databases
from gdmarket.bus import log_ranges, redelivery, retention
from gdmarket.bus.log_ranges import LogRange
from gdmarket.bus.management.actions.arguments import add_dry_run, instant
from gdmarket.console import add_action, positive_int

_T = TypeVar("_T")

_MAX_DAYS = 36_500
# SQLite limits how many parameters a statement may have.
_MAX_CHUNK = 10_000
_BAR = "{desc}: {percentage:3.0f} %|{bar}| {elapsed}, {remaining} to go"
# Without a terminal, progress is written only this often.
_LOG_INTERVAL_S = 10.0


def add_to(actions: Any) -> None:
    """Add the two actions."""
    replay = add_action(
        actions,
        "replay",
        _replay,
        "deliver old events again to a context whose handlers are idempotent; the relay does the work",
        more=(
            "Only to handlers marked `@bus.idempotent`, and no timers. An outstanding delivery is not added twice: the command may be "
            "stopped and repeated, and run beside everything else. To retry dead deliveries, use `bus dead replay`."
        ),
    )
    replay.add_argument("context", help="for example: status_view")
    replay.add_argument("--since", type=instant, metavar="INSTANT", help="events that occurred since, as in 2026-11-24T09:00:00Z")
    replay.add_argument("--stream", help="the events of one stream, as in item:0198…")
    replay.add_argument("--all", dest="everything", action="store_true", help="all events")
    add_dry_run(replay)
    replay.set_defaults(refuse=replay.error)
    purge = add_action(
        actions,
        "purge",
        _purge,
        "delete old events, in chunks",
        more=(
            "The newest event of each stream, and events with an outstanding delivery, are kept. The command may be stopped and repeated, "
            "and run beside everything else; it sleeps between chunks, so that others can write. Exit code: 0, also if nothing was deleted."
        ),
    )
    purge.add_argument(
        "--keep-days", type=positive_int(upto=_MAX_DAYS), required=True, metavar="N", help="keep events of the last N days; at least 1"
    )
    purge.add_argument(
        "--chunk",
        type=positive_int(upto=_MAX_CHUNK),
        default=log_ranges.SIZE,
        metavar="N",
        help="how many events to look at per transaction (%(default)s)",
    )
    add_dry_run(purge)


def _replay(
    *, out: OutputWrapper, context: str, since: datetime | None, stream: str | None, everything: bool, dry_run: bool, refuse: Any, **_: Any
) -> None:
    if everything == (since is not None or stream is not None):
        refuse("say which events: --all, or --since, --stream or both")
    work = redelivery.redeliver(subscriber=context, since=since, stream=stream, dry_run=dry_run)
    count = sum(_with_progress(work, title=f"replay to {context}"))
    out.write(f"{count} old events {'would' if dry_run else 'will'} be delivered to {context} again")


def _purge(*, out: OutputWrapper, keep_days: int, chunk: int, dry_run: bool, **_: Any) -> None:
    purged = kept = 0
    for using in databases.aliases():
        for done in _with_progress(retention.purge(keep_days=keep_days, chunk=chunk, dry_run=dry_run, using=using), title="purge"):
            purged, kept = purged + done.purged, kept + done.kept
    verb = "would be" if dry_run else "were"
    out.write(
        f"{purged} events older than {keep_days} days {verb} deleted; {kept} as old {verb} kept, as the newest of their streams or because "
        "of an outstanding delivery"
    )


def _with_progress(work: Iterable[tuple[LogRange, _T]], *, title: str) -> Iterator[_T]:
    """Yield the results range by range, with a progress bar on standard error: at a terminal, or if it takes long."""
    is_terminal = sys.stderr.isatty()
    interval_s, delay_s = (0.1, 0) if is_terminal else (_LOG_INTERVAL_S, _LOG_INTERVAL_S)
    with tqdm(
        total=1.0, desc=title, file=sys.stderr, bar_format=_BAR, mininterval=interval_s, delay=delay_s, leave=is_terminal
    ) as progress:
        for log_range, done in work:
            yield done
            progress.update(log_range.progress - progress.n)
