"""Folding the event log from the command line: progress on long runs, and a plain word where the log cannot be read."""

from collections.abc import Callable, Iterator

from django.core.management.base import CommandError

from apps.status_view import handlers, services
from gdmarket import bus

_TELL_EVERY = 1000


def folded_rows(*, repair: bool, tell: Callable[[str], object]) -> Iterator[list[services.Difference]]:
    """Yield what `services.refold_view` yields, and tell every thousand rows how far it is.

    :raises CommandError: if a fact in the log cannot be read; the command ends with 2
    """
    wrong = 0
    try:
        for rows, differences in enumerate(services.refold_view(log=handlers.LOG, repair=repair), start=1):
            wrong += bool(differences)
            if rows % _TELL_EVERY == 0:
                tell(f"{rows} rows folded, {wrong} differ …")
            yield differences
    except (bus.UndecodableError, bus.UnknownEventError) as unreadable:
        raise CommandError(f"A fact in the log cannot be read by this version of the program: {unreadable}", returncode=2) from unreadable
