"""Any process of a campaign: `python -m tests.chaos.process campaign PLAN FOLDER`, or `writer|relay PLAN NUMBER BIRTH`.

PLAN is JSON; a replacement has the NUMBER of the process it replaces, and a BIRTH of its own.
"""

import sys
from pathlib import Path
from random import getrandbits
from uuid import UUID

import django
import msgspec
from django.core.management import call_command

django.setup()

from gdmarket.bus import claims, registry  # noqa: E402  # Django first
from tests.chaos import campaign, counters  # noqa: E402
from tests.chaos.plan import Plan  # noqa: E402
from tests.chaos.recovery import TAG_BITS  # noqa: E402
from tests.chaos.writer import Writer  # noqa: E402


def main(role: str, plan_json: str, *rest: str) -> None:
    plan = msgspec.json.decode(plan_json, type=Plan)
    if plan.lease_s is not None:
        claims.LEASE_S = plan.lease_s
    if role == "campaign":
        registry.connect(counters.subscriptions(counters.HandlerFaults(plan=plan, place=())))
        sys.stdout.buffer.write(msgspec.json.encode(campaign.run(plan=plan, folder=Path(rest[0]))))
        return
    number, birth = map(int, rest)
    _tag_tokens(birth)
    faults = counters.HandlerFaults(plan=plan, place=(role, number, birth))
    registry.connect(counters.subscriptions(faults))
    if role == "writer":
        Writer(plan=plan, chance=plan.chance(role, number, birth)).run()
    else:
        faults.listen()
        call_command("relay")


def _tag_tokens(birth: int) -> None:
    """Let this process's lease tokens begin with its birth, so that its leases can be found when it is dead."""
    claims.uuid4 = lambda: UUID(int=birth << TAG_BITS | getrandbits(TAG_BITS))  # type: ignore[attr-defined]  # what claims imported


if __name__ == "__main__":
    main(*sys.argv[1:])
