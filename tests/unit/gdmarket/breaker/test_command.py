"""`manage.py breaker`: operators see, open and close the circuits."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from gdmarket.breaker.breaker import Breaker
from gdmarket.breaker.models import Circuit, State
from tests.unit.gdmarket.breaker.harness import Clock, about, breaker_at, fail, refusal_of, state_of, succeed, without_database

pytestmark = pytest.mark.django_db(transaction=True)

Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs `manage.py breaker …` and returns its output."""

    def command(*arguments: str) -> str:
        call_command("breaker", *arguments)
        return capsys.readouterr().out

    return command


def test_the_payment_provider_is_listed_before_it_ever_failed(run: Run) -> None:
    assert run("status").splitlines()[1].split() == ["payments", "closed", "-", "-"]
    assert not Circuit.objects.exists()


def test_status_shows_the_state_and_the_reason(run: Run, breaker: Breaker) -> None:
    fail(breaker, 10)
    line = run("status").splitlines()[2]
    assert line.split()[:2] == ["provider", "open"]
    assert line.endswith("10 of 10 calls failed")


def test_status_prints_json(run: Run, breaker: Breaker) -> None:
    fail(breaker, 10)
    shown = json.loads(run("status", "--json"))
    assert shown["payments"]["state"] == "closed"
    assert shown["provider"] == {
        "state": "open",
        "generation": 1,
        "times_opened": 1,
        "probes_left": 0,
        "left_s": about(15),
        "lasted_s": about(0),
        "reason": "10 of 10 calls failed",
    }


def test_status_fail_open_exits_with_1_if_one_is_open(run: Run, breaker: Breaker) -> None:
    run("status", "--fail-open")
    fail(breaker, 10)
    with pytest.raises(CommandError, match=r"^provider: open$") as failure:
        run("status", "--fail-open")
    assert failure.value.returncode == 1


def test_opened_by_hand_it_is_open_until_it_is_closed(run: Run, clock: Clock) -> None:
    breaker = breaker_at(clock, name="payments")
    succeed(breaker)
    assert run("open", "payments", "--reason", "maintenance") == "payments is open: no calls go through, until `breaker close payments`\n"
    clock.pass_s(24 * 3600)
    assert refusal_of(breaker) == 300.0
    assert run("status").splitlines()[1].endswith("never  by hand: maintenance")
    assert run("close", "payments") == "payments is closed: calls go through\n"
    clock.pass_s(0.25)
    succeed(breaker)


def test_opened_by_hand_for_a_while_it_is_probed_after_it(run: Run, clock: Clock) -> None:
    breaker = breaker_at(clock, name="payments")
    run("open", "payments", "--for", "90")
    assert refusal_of(breaker) == about(90)
    clock.pass_s(90)
    succeed(breaker)
    assert state_of(breaker) is State.HALF_OPEN
    succeed(breaker)
    assert state_of(breaker) is State.CLOSED


def test_probes_that_run_while_it_is_opened_by_hand_do_not_close_it(run: Run, expired: Breaker) -> None:
    succeed(expired)
    expired.call(lambda: run("open", "provider"))
    assert state_of(expired) is State.OPEN


def test_closing_by_hand_resets_the_backoff(run: Run, expired: Breaker, clock: Clock) -> None:
    fail(expired)
    run("close", "provider")
    clock.pass_s(0.25)
    fail(expired, 10)
    assert refusal_of(expired) == about(15)


def test_open_and_close_can_be_repeated(run: Run) -> None:
    run("open", "payments")
    run("open", "payments")
    run("close", "payments")
    closed = Circuit.objects.get()
    assert run("close", "payments") == "payments was closed already\n"
    assert Circuit.objects.get().generation == closed.generation


def test_several_people_may_open_and_close_at_once() -> None:
    def work(action: str) -> None:
        try:
            call_command("breaker", action, "payments")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, ["open", "close"] * 8))
    call_command("breaker", "close", "payments")
    assert Circuit.objects.get().state == State.CLOSED


@pytest.mark.parametrize("action", ["open", "close"])
def test_an_unknown_dependency_is_refused_with_the_known_ones(run: Run, action: str) -> None:
    with pytest.raises(CommandError, match=r'^There is no dependency "stripes"\. Known: payments\.$') as refusal:
        run(action, "stripes")
    assert refusal.value.returncode == 1
    assert not Circuit.objects.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["open"],
        ["close"],
        ["open", "payments", "--for", "soon"],
        ["open", "payments", "--for", "0"],
        ["open", "payments", "--for", "604801"],
        ["open", "payments", "--reason", " "],
    ],
)
def test_wrong_arguments_are_refused(run: Run, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)
    assert not Circuit.objects.exists()


def test_without_a_database_it_ends_with_3(run: Run) -> None:
    with without_database(), pytest.raises(CommandError, match="The database cannot be used") as failure:
        run("status")
    assert failure.value.returncode == 3


@pytest.mark.parametrize("arguments", [["--help"], ["status", "--help"], ["open", "--help"], ["close", "--help"]])
def test_every_action_has_a_help(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        call_command("breaker", *arguments)
    assert (end.value.code, "usage:" in capsys.readouterr().out) == (0, True)
