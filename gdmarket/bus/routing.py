"""Which subscribers each log has: the contexts whose tables are beside it, and a forwarder to each other log that its events are for.

Each database has a log of its own. A subscriber's name determines its log: no two logs have subscribers of the same name.
"""

from gdmarket import databases
from gdmarket.bus import registry

# No context and no alias has a hyphen in its name.
_TO = "-to-"


def alias_of(subscriber: str) -> str:
    """Return the alias of the database whose log holds a subscriber's deliveries."""
    source, _, target = subscriber.partition(_TO)
    return source if target else databases.alias_for(subscriber)


def forward_target(subscriber: str) -> str | None:
    """Return the alias of the database that a forwarder copies events to; None for a context."""
    return subscriber.partition(_TO)[2] or None


def subscriptions_of(using: str) -> set[tuple[str, str]]:
    """Return every (subscriber, type) that the code asks for in a log, forwarders to the logs of other subscribers included."""
    wanted = set()
    for context, name in registry.subscriptions():
        publisher, reader = databases.alias_for(name.partition(".")[0]), databases.alias_for(context)
        if reader == using:
            wanted.add((context, name))
        elif publisher == using:
            wanted.add((f"{using}{_TO}{reader}", name))
    return wanted


def subscribers_of(using: str) -> list[str]:
    """Return every subscriber that the code knows in a log, sorted."""
    return sorted({subscriber for subscriber, _ in subscriptions_of(using)})


def subscribers() -> list[str]:
    """Return every subscriber that the code knows, log by log; a context without a database of its own is in `default`."""
    return [subscriber for using in databases.aliases() for subscriber in subscribers_of(using)]
