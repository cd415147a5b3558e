"""Running the doctor's checks in a test."""

from uuid import uuid4

from django.core.checks import CheckMessage
from django.db import connections

from config.management.commands import doctor
from gdmarket.bus import registry
from gdmarket.bus.heartbeats import HeartbeatWriter

# The tests' databases are not durable.
USUAL = "database.W002"


def run_checks(*, deploy: bool = False) -> dict[str, CheckMessage]:
    """Return the messages of all checks by id, without that of the tests' own databases."""
    messages = {message.id or "": message for _, message in doctor.run_all(deploy=deploy) if message is not None}
    assert messages.pop(USUAL).msg.startswith("default: "), connections
    return messages


def relay_is_alive() -> None:
    """Leave a relay's heartbeat for every context."""
    relay = uuid4()
    for subscriber in registry.subscribers():
        HeartbeatWriter(relay=relay, subscriber=subscriber).beat()
