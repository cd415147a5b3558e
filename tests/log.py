"""The whole event log, for tests that ask what was told."""

from collections.abc import Collection

from gdmarket import bus
from gdmarket.bus import codec, log
from gdmarket.bus.models import Event


def recorded(types: Collection[type]) -> list[bus.Recorded]:
    """Return every event of these types, in the log's order."""
    names = [codec.type_of(event_class) for event_class in types]
    return [log.read(row) for row in Event.objects.filter(type__in=names).order_by("seq")]
