"""Mutation tests: with one guard of the bus, the breaker or payments removed, the tests must fail."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.served import ROOT

pytestmark = pytest.mark.sqlite  # the tests are under test, not the database

BATCHES, LEASES, ORDER, PUBLISHING, REDELIVERY = (
    f"tests/unit/gdmarket/bus/test_{name}.py" for name in ("batches", "leases", "order", "publishing", "redelivery")
)
RACES, SHARING, SUCCESSES = (f"tests/unit/gdmarket/breaker/test_{name}.py" for name in ("races", "sharing", "successes"))
TREE = ("apps", "config", "deploy", "gdmarket", "tests", "manage.py", "pyproject.toml")
PLUGINS = ("-p", "pytest_django.plugin", "-p", "no:cacheprovider")
TESTS_FAILED = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Mutation:
    """A guard, the tests that must fail without it, and the edits that remove it: file, text that occurs once, replacement."""

    guard: str
    caught_by: str
    edits: tuple[tuple[str, str, str], ...]


CLAIMS, DISPATCH, SETTLING = "gdmarket/bus/claims.py", "gdmarket/bus/dispatch.py", "gdmarket/bus/settling.py"
MODELS, TABLES = "gdmarket/bus/models.py", "gdmarket/bus/migrations/0001_initial.py"
MATRIX = "tests/e2e/test_fault_matrix.py"
CHARGING, CHECKING, REFUNDING = (f"apps/payments/services/{name}.py" for name in ("charging", "checking", "refunding"))
BREAKER, STORE = "gdmarket/breaker/breaker.py", "gdmarket/breaker/store.py"
MUTATIONS = (
    Mutation(
        guard="the token in the acknowledgement",
        caught_by=LEASES,
        edits=((SETTLING, "WHERE id {listed} AND {held}", "WHERE id {listed}"),),
    ),
    Mutation(
        guard="one event for each version of a stream",
        caught_by=PUBLISHING,
        edits=(
            (MODELS, '[UniqueConstraint(fields=["stream", "version"], name="bus_event_stream_version")]', "[]"),
            (TABLES, '[models.UniqueConstraint(fields=("stream", "version"), name="bus_event_stream_version")]', "[]"),
        ),
    ),
    Mutation(
        guard="one delivery for each version in a lane",
        caught_by=PUBLISHING,
        edits=(
            (MODELS, '[UniqueConstraint(fields=["subscriber", "lane", "version"], name="bus_delivery_lane")]', "[]"),
            (TABLES, '[models.UniqueConstraint(fields=("subscriber", "lane", "version"), name="bus_delivery_lane")]', "[]"),
        ),
    ),
    Mutation(
        guard="only the head of a lane is claimed",
        caught_by=ORDER,
        edits=(
            (CLAIMS, "FROM walk JOIN bus_delivery d\n    ON d.id = (", "FROM walk JOIN bus_delivery d\n    ON d.id IN ("),
            (CLAIMS, "x.lane = walk.lane ORDER BY x.version LIMIT 1", "x.lane = walk.lane"),
        ),
    ),
    Mutation(
        guard="only the head of a lane is claimed after its lease expired",
        caught_by=LEASES,
        edits=((CLAIMS, "x.version < d.version", "x.version < 0"),),
    ),
    Mutation(
        guard="expired leases are kept out of the other claims",
        caught_by=LEASES,
        edits=((CLAIMS, "d.token IS NULL AND {{claimable}} LIMIT", "{{claimable}} LIMIT"),),
    ),
    Mutation(
        guard="a delivery whose lease expired is claimed alone",
        caught_by=LEASES,
        edits=(
            (
                CLAIMS,
                'of=subscriber, per_lane="1", subscriber=subscriber, expired=1',
                "of=subscriber, per_lane=_per_lane(CLAIM_SIZE), subscriber=subscriber, expired=1",
            ),
            (CLAIMS, "(x.dead OR x.token IS NOT NULL)", "x.dead"),
        ),
    ),
    Mutation(
        guard="a dead delivery holds up its lane",
        caught_by=REDELIVERY,
        edits=((CLAIMS, "(x.dead OR x.token IS NOT NULL)", "x.token IS NOT NULL"),),
    ),
    Mutation(
        guard="no delivery is begun once half of the lease is over",
        caught_by=LEASES,
        edits=((DISPATCH, "time.monotonic() > group[0].begin_by_s or (has_begun and not keep_going())", "has_begun and not keep_going()"),),
    ),
    Mutation(
        guard="the deliveries behind a failure are released",
        caught_by=BATCHES,
        edits=((DISPATCH, "group = [claim for claim in group if claim.lane not in blocked]", "group = list(group)"),),
    ),
    *(
        Mutation(
            guard=f"a probe needs a permit that is left, found by {test}",
            caught_by=caught_by,
            edits=((STORE, "filter(state=State.HALF_OPEN, probes_left__gt=0)", "filter(state=State.HALF_OPEN)"),),
        )
        for test, caught_by in (("a race", RACES), ("an order", SHARING))
    ),
    *(
        Mutation(
            guard=f"a breaker's row changes in the generation that was seen, found by {test}",
            caught_by=caught_by,
            edits=((STORE, "objects.filter(name=name, generation=generation)", "objects.filter(name=name)"),),
        )
        for test, caught_by in (("a race", RACES), ("an order", SHARING))
    ),
    Mutation(
        guard="a new trial waits for the deadline of the one before",
        caught_by=SHARING,
        edits=((STORE, "Q(state=State.HALF_OPEN, probe_deadline__lte=Now())", "Q(state=State.HALF_OPEN)"),),
    ),
    Mutation(
        guard="a success with counts_as_success=False is not counted",
        caught_by=SUCCESSES,
        edits=((BREAKER, "if not counts_as_success:", "if not counts_as_success and permit.state is not State.CLOSED:"),),
    ),
    Mutation(
        guard="a settled outcome never changes",
        caught_by="tests/unit/payments/test_late_answers.py",
        edits=((CHARGING, "if not domain.may_become(state=payment.state, wanted=outcome.state):", "if False:"),),
    ),
    Mutation(
        guard="a charge without an answer is not guessed to be none",
        caught_by=f"{MATRIX}::test_a_charge_is_made_and_posted_once_whatever_fails",
        edits=((CHARGING, "Outcome(state=PaymentState.UNKNOWN, reason=silence.reason)", "Outcome(state=PaymentState.NOT_SENT)"),),
    ),
    Mutation(
        guard="a charge that was given up is voided at the provider",
        caught_by=f"{MATRIX}::test_a_charge_that_arrives_after_the_void_is_refused",
        edits=((CHECKING, "gateway.void(request=request)", "ChargeRecord(status=ChargeStatus.VOIDED)"),),
    ),
    Mutation(
        guard="a refund keeps its key",
        caught_by="tests/unit/payments/test_partial_refunds.py",
        edits=((REFUNDING, "refund_key=refund.id", "refund_key=ids.uuid7()"),),
    ),
)


_HEAD = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
_OF_COMMIT = int(_HEAD or "0", 16)


def _when(number: int) -> Sequence[pytest.MarkDecorator]:
    """Return the marks of a mutation: one in seven runs with each commit, chosen by its hash; all run each night."""
    return () if number % 7 == _OF_COMMIT % 7 else (pytest.mark.nightly,)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of the sources, to be changed."""
    for name in TREE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def run(tree: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Run tests on a copy, to the first failure."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GDMARKET_", "DATABASE_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *PLUGINS, "-q", "-x", "--nightly", "--database", "sqlite", *tests],
        cwd=tree,
        env=environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def mutate(tree: Path, mutation: Mutation) -> None:
    """Remove a guard from a copy of the sources."""
    for name, guard, instead in mutation.edits:
        text = (tree / name).read_text()
        (tree / name).write_text(text.replace(guard, instead))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.guard)
def test_the_code_of_every_guard_is_found_once(mutation: Mutation) -> None:
    assert [(name, guard) for name, guard, _ in mutation.edits if (ROOT / name).read_text().count(guard) != 1] == []
    assert (ROOT / mutation.caught_by.partition("::")[0]).is_file()


@pytest.mark.nightly
def test_with_every_guard_in_place_the_tests_pass(tree: Path) -> None:
    suite = run(tree, BATCHES, LEASES, ORDER, PUBLISHING, REDELIVERY, RACES, SHARING, SUCCESSES)
    assert suite.returncode == 0, suite.stdout


@pytest.mark.parametrize("mutation", [pytest.param(each, id=each.guard, marks=_when(number)) for number, each in enumerate(MUTATIONS)])
def test_without_a_guard_the_tests_fail(tree: Path, mutation: Mutation) -> None:
    mutate(tree, mutation)

    suite = run(tree, mutation.caught_by)

    assert suite.returncode == TESTS_FAILED, suite.stdout
    assert "1 failed" in suite.stdout
    assert "error" not in suite.stdout.splitlines()[-1]
