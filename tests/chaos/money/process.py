"""Any process of a campaign about money: `python -m tests.chaos.money.process campaign PLAN` or `renter PLAN NUMBER BIRTH`."""

import ctypes
import signal
import sys
from pathlib import Path

import django
import msgspec

django.setup()

from tests.chaos.money.plan import Plan  # noqa: E402  # Django first

_PR_SET_PDEATHSIG = 1


def main(role: str, plan_json: str, *rest: str) -> None:
    plan = msgspec.json.decode(plan_json, type=Plan)
    if role == "campaign":
        from tests.chaos.money.campaign import Campaign  # noqa: PLC0415  # renters need none of it

        sys.stdout.buffer.write(msgspec.json.encode(Campaign(plan=plan, folder=Path(rest[0])).run()))
        return
    from tests.chaos.money.stories import Renter  # noqa: PLC0415

    # Even a killed campaign leaves nobody behind: the kernel kills them then (prctl(2)).
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    Renter(plan=plan, chance=plan.chance(*rest)).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
