"""The short form of `./dev chaos payments`: renters, relays and the provider killed, and faults injected, on the database at hand."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from secrets import randbelow

import msgspec
import pytest

from tests.chaos.__main__ import PAYMENTS, run_campaign
from tests.chaos.money.outcome import Outcome, table
from tests.chaos.money.plan import CHARGING, CHECKING, REFUNDING, SHORT
from tests.e2e.served import ROOT

_POINT = re.compile(r'failpoints\.hit\("([a-z_.]+)"\)')


@pytest.mark.nightly("sqlite")  # slow: by day on PostgreSQL alone
def test_a_campaign_accounts_for_every_won(process_environment: dict[str, str], tmp_path: Path) -> None:
    plan = replace(SHORT, seed=randbelow(2**32))

    done = run_campaign(PAYMENTS, plan, folder=str(tmp_path), environment=process_environment, stderr=subprocess.PIPE)

    assert done.returncode == 0, f"seed {plan.seed}\n{done.stderr}"
    outcome = msgspec.json.decode(done.stdout, type=Outcome)
    assert outcome.is_clean, f"seed {plan.seed}\n{table([outcome])}\n{outcome.verdict.examples}\n{outcome.unexpected}\n{done.stderr}"
    assert sum(outcome.verdict.rentals.values()) >= plan.rentals
    assert outcome.counts["killed"] >= plan.kills
    assert outcome.verdict.charges > 0


def test_the_campaign_crashes_at_every_failpoint() -> None:
    points = {point for path in (*ROOT.glob("apps/**/*.py"), *ROOT.glob("gdmarket/**/*.py")) for point in _POINT.findall(path.read_text())}
    assert points == {*CHARGING, *CHECKING, *REFUNDING}
