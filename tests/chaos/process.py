"""Any process of a campaign: `python -m tests.chaos.process campaign PLAN`, or `writer|relay PLAN NUMBER BIRTH`.

PLAN is JSON; NUMBER is kept by whoever takes a killed one's place, BIRTH is each process's own.
"""

import ctypes
import signal
import sys
from random import getrandbits
from uuid import UUID

import django
import msgspec
from django.core.management import call_command

django.setup()

from gdmarket.bus import claims, registry  # noqa: E402  # Django first
from tests.chaos import campaign, world  # noqa: E402
from tests.chaos.plan import Plan  # noqa: E402
from tests.chaos.recovery import TAG_BITS  # noqa: E402
from tests.chaos.writer import Writer  # noqa: E402

_PR_SET_PDEATHSIG = 1


def main(role: str, plan_json: str, *rest: str) -> None:
    plan = msgspec.json.decode(plan_json, type=Plan)
    if plan.lease_s is not None:
        claims.LEASE_S = plan.lease_s
    if role == "campaign":
        registry.connect(world.subscriptions(world.Mischief(plan=plan, place=())))
        sys.stdout.buffer.write(msgspec.json.encode(campaign.run(plan=plan)))
        return
    # Even a killed campaign leaves nobody behind, frozen ones among them: the kernel kills them then (prctl(2)).
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    number, birth = map(int, rest)
    _tag_tokens(birth)
    mischief = world.Mischief(plan=plan, place=(role, number, birth))
    registry.connect(world.subscriptions(mischief))
    if role == "writer":
        Writer(plan=plan, chance=plan.chance(role, number, birth)).run()
    else:
        mischief.obey()
        call_command("relay")


def _tag_tokens(birth: int) -> None:
    """Let this process's tokens begin with its birth, so that what it had in hand can be told when it is dead."""
    claims.uuid4 = lambda: UUID(int=birth << TAG_BITS | getrandbits(TAG_BITS))  # type: ignore[attr-defined]  # what claims imported


if __name__ == "__main__":
    main(*sys.argv[1:])
