"""The log, a stretch at a time: for work on all of it that holds no lock for long and leaves room for others."""

import time
from collections.abc import Iterator
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Max

from gdmarket.bus.models import Event

LENGTH = 1000


class LogRange(NamedTuple):
    """The events with `after < seq <= upto`, and which part of the whole lies behind its end, from 0 to 1."""

    after: int
    upto: int
    part: float


def walk(*, length: int = LENGTH, rests: bool = True, using: str = DEFAULT_DB_ALIAS) -> Iterator[LogRange]:
    """Yield the log of a database as it stands now, in stretches of `length` events.

    With `rests` it waits after each for as long as its work took, so that whoever else writes has half of the time.
    """
    first_seq, last_seq, after = _next(0, using), Event.objects.using(using).aggregate(last=Max("seq"))["last"] or 0, 0
    while after < last_seq:
        upto = min(_next(after, using, skipping=length - 1) or last_seq, last_seq)
        began_s = time.monotonic()
        yield LogRange(after, upto, (upto - first_seq + 1) / (last_seq - first_seq + 1))
        if rests and upto < last_seq:
            time.sleep(time.monotonic() - began_s)
        after = upto


def _next(after: int, using: str, *, skipping: int = 0) -> int:
    seqs = Event.objects.using(using).filter(seq__gt=after).order_by("seq").values_list("seq", flat=True)
    return next(iter(seqs[skipping : skipping + 1]), 0)
