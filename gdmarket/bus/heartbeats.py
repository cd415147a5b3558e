"""A relay's heartbeats, one row for each subscriber it works for."""

import os
import socket
from contextlib import suppress
from datetime import timedelta
from time import monotonic
from uuid import UUID

from django.db import Error
from django.db.models.functions import Now

from gdmarket.bus import routing
from gdmarket.bus.models import Heartbeat

_INTERVAL_S = 5.0
_DELETED_AFTER = timedelta(hours=1)


class HeartbeatWriter:
    """Writes the heartbeat of the thread of `relay` that works for `subscriber`."""

    def __init__(self, *, relay: UUID, subscriber: str) -> None:
        """Write nothing before the first beat."""
        self._relay, self._subscriber = relay, subscriber
        self._rows = Heartbeat.objects.using(routing.alias_of(subscriber))
        self._next_s = 0.0

    def beat(self) -> None:
        """Write that a round is over, at most every 5 s; heartbeats older than an hour are deleted with it."""
        if monotonic() < self._next_s:
            return
        process = f"{socket.gethostname()}:{os.getpid()}"
        row = Heartbeat(relay=self._relay, subscriber=self._subscriber, process=process[-128:], seen_at=Now())
        self._rows.bulk_create([row], update_conflicts=True, unique_fields=["relay", "subscriber"], update_fields=["seen_at"])
        self._rows.filter(seen_at__lt=Now() - _DELETED_AFTER).delete()
        self._next_s = monotonic() + _INTERVAL_S

    def stop(self) -> None:
        """Delete the heartbeat, when the thread ends without an error; where that fails, a relay deletes it an hour later."""
        with suppress(Error):
            self._rows.filter(relay=self._relay, subscriber=self._subscriber).delete()
