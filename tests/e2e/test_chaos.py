"""The short form of `./dev chaos`: real processes, killed, frozen, cut off, on the database at hand."""

import subprocess
import sys
from dataclasses import replace
from secrets import randbelow

import msgspec
import pytest
from django.db import connection

from tests.chaos.outcome import Outcome, table
from tests.chaos.plan import SHORT
from tests.e2e.served import ROOT

pytestmark = pytest.mark.nightly("sqlite")  # slow: by day on PostgreSQL alone


def test_a_campaign_loses_nothing_doubles_nothing_and_keeps_the_order(process_environment: dict[str, str]) -> None:
    plan = replace(SHORT, seed=randbelow(2**32))
    command = [sys.executable, "-m", "tests.chaos.process", "campaign", msgspec.json.encode(plan).decode()]

    ran = subprocess.run(command, cwd=ROOT, env=process_environment, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, f"seed {plan.seed}\n{ran.stderr}"
    outcome = msgspec.json.decode(ran.stdout, type=Outcome)
    assert outcome.is_clean, f"seed {plan.seed}\n{table([outcome])}\n{outcome.verdict.examples}\n{outcome.mishaps}\n{ran.stderr}"
    assert outcome.events >= plan.events
    assert outcome.effects == 2 * outcome.events
    assert outcome.deeds["relays killed"] >= plan.kills
    assert outcome.deeds["relays frozen past their lease"] >= plan.freezes
    assert outcome.deeds["connections terminated"] == (plan.cuts if connection.vendor == "postgresql" else 0)
    assert outcome.deeds["handlers failed"] > 0
    # What they had in hand was claimed as a suspect: nothing else takes what bears a dead one's token.
    assert outcome.deeds["killed with deliveries in hand"] > 0
