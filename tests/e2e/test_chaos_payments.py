"""The short form of `./dev chaos payments`: renters, relays and the provider killed and broken, on the database at hand."""

import re
import subprocess
import sys
from pathlib import Path
from secrets import randbelow

import msgspec
import pytest

from tests.chaos.money.command import PROVIDER
from tests.chaos.money.outcome import Outcome, table
from tests.chaos.money.plan import CHARGING, CHECKING, REFUNDING, SHORT
from tests.e2e.served import ROOT

_POINT = re.compile(r'crashing\.point\("([a-z_.]+)"\)')


@pytest.mark.nightly("sqlite")  # slow: by day on PostgreSQL alone
def test_a_campaign_accounts_for_every_won(process_environment: dict[str, str], tmp_path: Path) -> None:
    plan = msgspec.structs.replace(SHORT, seed=randbelow(2**32))
    command = [sys.executable, "-m", "tests.chaos.money.process", "campaign", msgspec.json.encode(plan).decode(), str(tmp_path)]

    ran = subprocess.run(command, cwd=ROOT, env=process_environment | PROVIDER, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, f"seed {plan.seed}\n{ran.stderr}"
    outcome = msgspec.json.decode(ran.stdout, type=Outcome)
    assert outcome.is_clean, f"seed {plan.seed}\n{table([outcome])}\n{outcome.verdict.examples}\n{outcome.mishaps}\n{ran.stderr}"
    assert sum(outcome.verdict.rentals.values()) >= plan.rentals
    assert outcome.deeds["killed"] >= plan.kills
    assert outcome.verdict.charges > 0


def test_the_campaign_kills_at_every_crash_point() -> None:
    points = {point for path in (*ROOT.glob("apps/**/*.py"), *ROOT.glob("gdmarket/**/*.py")) for point in _POINT.findall(path.read_text())}
    assert points == {*CHARGING, *CHECKING, *REFUNDING}
