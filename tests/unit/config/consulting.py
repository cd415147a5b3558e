"""Asking the doctor, and a market that is well."""

from uuid import uuid4

from django.db import connections

from config.doctor import examination
from config.doctor.findings import Finding, Level, Stance
from gdmarket.bus import registry
from gdmarket.bus.heartbeats import HeartbeatWriter

# The tests' databases do not write with care.
CARELESS = {"sqlite": "database default: journal", "postgresql": "database default: durability"}


def consult(*, deploy: bool = False) -> dict[str, Finding]:
    """Return what the doctor finds, by what it is about; where it says two things of one, the worse."""
    order = list(Level)
    found: dict[str, Finding] = {}
    for finding in examination.examine(stance=Stance(deploy=deploy)):
        if finding.what not in found or order.index(finding.level) > order.index(found[finding.what].level):
            found[finding.what] = finding
    return found


def complaints(*, deploy: bool = False) -> dict[str, Level]:
    """Return what is not ok, but for what the tests' databases always are."""
    usual = CARELESS[connections["default"].vendor]
    return {what: finding.level for what, finding in consult(deploy=deploy).items() if finding.level is not Level.OK and what != usual}


def relay_is_alive() -> None:
    """Leave a relay's sign of life for every context."""
    relay = uuid4()
    for subscriber in registry.subscribers():
        HeartbeatWriter(relay=relay, subscriber=subscriber).beat()
