"""The whole event log, for tests that ask what was published."""

from collections.abc import Collection

from gdmarket import bus, databases
from gdmarket.bus import codec, log
from gdmarket.bus.models import Event


def recorded(types: Collection[type]) -> list[bus.Recorded]:
    """Return every event of these types, in the log's order; one context's after the other's where each has a log of its own."""
    events = []
    for alias in databases.aliases():
        names = [codec.type_of(one) for one in types if databases.alias_for(codec.context_of(one.__module__)) == alias]
        events += [log.read(row) for row in Event.objects.using(alias).filter(type__in=names).order_by("seq")]
    return events
