"""The short form of `./dev chaos`: real processes that are killed, frozen and disconnected."""

import subprocess
from dataclasses import replace
from pathlib import Path
from secrets import randbelow

import msgspec
import pytest
from django.db import connection

from tests.chaos.__main__ import BUS, run_campaign
from tests.chaos.outcome import Outcome, table
from tests.chaos.plan import SHORT

pytestmark = pytest.mark.nightly("sqlite")  # slow: by day on PostgreSQL alone


def test_a_campaign_loses_nothing_doubles_nothing_and_keeps_the_order(process_environment: dict[str, str], tmp_path: Path) -> None:
    plan = replace(SHORT, seed=randbelow(2**32))

    done = run_campaign(BUS, plan, folder=str(tmp_path), environment=process_environment, stderr=subprocess.PIPE)

    assert done.returncode == 0, f"seed {plan.seed}\n{done.stderr}"
    outcome = msgspec.json.decode(done.stdout, type=Outcome)
    assert outcome.is_clean, f"seed {plan.seed}\n{table([outcome])}\n{outcome.verdict.examples}\n{outcome.unexpected}\n{done.stderr}"
    assert outcome.events >= plan.events
    assert outcome.effects == 2 * outcome.events
    assert outcome.counts["relays killed"] >= plan.kills
    assert outcome.counts["relays frozen past their lease"] >= plan.freezes
    assert outcome.counts["connections terminated"] == (plan.cuts if connection.vendor == "postgresql" else 0)
    assert outcome.counts["handlers failed"] > 0
    # Their deliveries were claimed after the lease expired: no other claim takes one that has a token.
    assert outcome.counts["killed with leased deliveries"] > 0
