"""Any process of a campaign on payments: `python -m tests.chaos.money.process campaign PLAN FOLDER` or `renter PLAN NUMBER BIRTH`."""

import sys
from pathlib import Path

import django
import msgspec

django.setup()

from tests.chaos.money.plan import Plan  # noqa: E402  # Django first


def main(role: str, plan_json: str, *rest: str) -> None:
    plan = msgspec.json.decode(plan_json, type=Plan)
    if role == "campaign":
        from tests.chaos.money.campaign import Campaign  # noqa: PLC0415  # renters need none of it

        sys.stdout.buffer.write(msgspec.json.encode(Campaign(plan=plan, folder=Path(rest[0])).run()))
        return
    from tests.chaos.money.renters import Renter  # noqa: PLC0415

    Renter(plan=plan, chance=plan.chance(*rest)).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
