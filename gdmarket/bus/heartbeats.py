"""A relay's signs of life, one for each subscriber it works for."""

import os
import socket
from contextlib import suppress
from datetime import timedelta
from time import monotonic
from uuid import UUID

from django.db import Error, connections
from django.db.models.functions import Now

from gdmarket.bus import routing
from gdmarket.bus.models import Heartbeat

_EVERY_S = 5.0
_FORGOTTEN_AFTER = timedelta(hours=1)


class HeartbeatWriter:
    """The sign that the thread of `relay` which works for `subscriber` comes round."""

    def __init__(self, *, relay: UUID, subscriber: str) -> None:
        """Be silent until the first beat."""
        self._relay, self._subscriber = relay, subscriber
        self._rows, self._connection = Heartbeat.objects.using(routing.alias_of(subscriber)), connections[routing.alias_of(subscriber)]
        self._next_s = 0.0

    def beat(self) -> None:
        """Write down that a round is over, at most every 5 s; whoever was silent for an hour is forgotten on the way."""
        if monotonic() < self._next_s:
            return
        process = f"{socket.gethostname()}:{os.getpid()}"
        row = Heartbeat(relay=self._relay, subscriber=self._subscriber, process=process[-128:], seen_at=Now())
        # MariaDB goes by whichever unique key is hit; there is no other.
        unique = ["relay", "subscriber"] if self._connection.features.supports_update_conflicts_with_target else None
        self._rows.bulk_create([row], update_conflicts=True, unique_fields=unique, update_fields=["seen_at"])
        self._rows.filter(seen_at__lt=Now() - _FORGOTTEN_AFTER).delete()
        self._next_s = monotonic() + _EVERY_S

    def stop(self) -> None:
        """Leave no sign behind, as the thread ends in good order; with the database away, the sign is forgotten in an hour."""
        with suppress(Error):
            self._rows.filter(relay=self._relay, subscriber=self._subscriber).delete()
