"""Which subscribers each log has: the contexts at home beside it, and a forwarder for every other log in which its events are heard.

Each database has a log of its own. A subscriber's name says which log it listens to: no two logs have subscribers of one name.
"""

from gdmarket import databases
from gdmarket.bus import registry

# No context and no alias has a hyphen in its name.
_TO = "-to-"


def alias_of(subscriber: str) -> str:
    """Return the alias of the database in whose log a subscriber's deliveries stand."""
    source, _, target = subscriber.partition(_TO)
    return source if target else databases.alias_for(subscriber)


def forward_target(subscriber: str) -> str | None:
    """Return the alias that a forwarder copies events to; None for a context."""
    return subscriber.partition(_TO)[2] or None


def subscriptions_of(using: str) -> set[tuple[str, str]]:
    """Return every (subscriber, type) that the code wants in a log: a forwarder is wanted where what is published is heard elsewhere."""
    wanted = set()
    for context, name in registry.subscriptions():
        published_in, heard_in = databases.alias_for(name.partition(".")[0]), databases.alias_for(context)
        if heard_in == using:
            wanted.add((context, name))
        elif published_in == using:
            wanted.add((f"{using}{_TO}{heard_in}", name))
    return wanted


def subscribers_of(using: str) -> list[str]:
    """Return every subscriber that the code knows in a log, sorted."""
    return sorted({subscriber for subscriber, _ in subscriptions_of(using)})


def subscribers() -> list[str]:
    """Return every subscriber that the code knows, log by log; those that are not said to be at home anywhere are in `default`."""
    return [subscriber for using in databases.aliases() for subscriber in subscribers_of(using)]
