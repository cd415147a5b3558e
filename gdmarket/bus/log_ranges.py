"""The log in ranges of sequence numbers: for work on all of it that holds no lock for long and leaves room for others."""

import time
from collections.abc import Iterator
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Max

from gdmarket.bus.models import Event

SIZE = 1000


class LogRange(NamedTuple):
    """The events with `after < seq <= upto`; `progress` is how much of the log lies before its end, from 0 to 1."""

    after: int
    upto: int
    progress: float


def split(*, size: int = SIZE, pauses: bool = True, using: str = DEFAULT_DB_ALIAS) -> Iterator[LogRange]:
    """Yield the log of a database, as it is now, in ranges of `size` events.

    With `pauses` it sleeps after each for as long as its work took, so that other writers have half of the time.
    """
    first_seq, last_seq, after = _next(0, using), Event.objects.using(using).aggregate(last=Max("seq"))["last"] or 0, 0
    while after < last_seq:
        upto = min(_next(after, using, skipping=size - 1) or last_seq, last_seq)
        began_s = time.monotonic()
        yield LogRange(after, upto, (upto - first_seq + 1) / (last_seq - first_seq + 1))
        if pauses and upto < last_seq:
            time.sleep(time.monotonic() - began_s)
        after = upto


def _next(after: int, using: str, *, skipping: int = 0) -> int:
    seqs = Event.objects.using(using).filter(seq__gt=after).order_by("seq").values_list("seq", flat=True)
    return next(iter(seqs[skipping : skipping + 1]), 0)
