"""A rebuild of the status view as a process: killed with `kill -9` at any point, and continued by the next."""

import signal
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from random import Random

import pytest
from django.core.management import call_command
from django.db.models import F

from apps.rentals.models import Rental
from apps.status_view.models import ItemStatus, Rebuild, RentalStatus
from apps.status_view.services.rebuilding import LEASE
from bench.dataset import load_market
from deploy.servers.waiting import wait_until
from tests.e2e.served import ROOT
from tests.unit.status_view.commands import check, rebuild
from tests.unit.status_view.facts import rows

pytestmark = pytest.mark.nightly("sqlite")  # slow: by day on PostgreSQL alone

RENTALS = 900
KILLS = 5


def _start(environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "manage.py", "rebuild_status_view", "--pace", "0.2"]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _kill_during(rebuilding: "subprocess.Popen[bytes]", *, after_s: float) -> None:
    """Kill a rebuild `after_s` seconds after its first page, unless it has ended before."""
    before = _built()
    wait_until(lambda: _built() != before or rebuilding.poll() is not None, "a page")
    with suppress(subprocess.TimeoutExpired):
        rebuilding.wait(after_s)
    rebuilding.kill()
    rebuilding.communicate()


def _built() -> tuple[str, int]:
    at = Rebuild.objects.get(pk=1)
    return at.step, at.rows_done


def test_a_rebuild_stopped_by_ctrl_c_exits_with_130_and_releases_its_lease(process_environment: dict[str, str]) -> None:
    call_command("load_demo")
    load_market(rentals=RENTALS)
    Rebuild.objects.create(pk=1)
    rebuilding = _start(process_environment)
    wait_until(lambda: _built()[1] > 0, "a page")

    rebuilding.send_signal(signal.SIGINT)
    _, output = rebuilding.communicate(timeout=60)

    assert (rebuilding.returncode, output.decode().splitlines()[-1]) == (
        130,
        "CommandError: Stopped. The work done so far is kept; the command can be run again.",
    )
    assert Rebuild.objects.get(pk=1).token is None


def test_a_rebuild_killed_at_any_point_is_continued_and_reads_stay_complete(process_environment: dict[str, str]) -> None:
    call_command("load_demo")
    load_market(rentals=RENTALS)
    rebuild()
    expected = rows()
    RentalStatus.objects.update(price=1)
    ItemStatus.objects.update(name="x")
    moments = Random(3)
    built = set()

    for _ in range(KILLS):
        _kill_during(_start(process_environment), after_s=moments.uniform(0.0, 0.3))
        built.add(_built())
        assert RentalStatus.objects.filter(version__gt=0).count() == Rental.objects.count()
        Rebuild.objects.update(leased_until=F("leased_until") - LEASE - timedelta(seconds=1))

    assert len(built) > 2
    if _built()[0]:
        rebuild()
    assert rows() == expected
    assert check()[0] == 0
