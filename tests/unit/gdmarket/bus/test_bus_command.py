"""`manage.py bus`: pausing and resuming contexts, and wrong arguments."""

import pytest
from django.core.management import CommandError, call_command

from gdmarket import bus
from gdmarket.bus.models import Subscription
from tests.unit.gdmarket.bus.conftest import Connect, Run
from tests.unit.gdmarket.bus.sample import RED, add


def test_pausing_and_resuming_can_be_repeated(red: None, run: Run) -> None:
    assert run("pause", RED) == run("pause", RED)
    add(1)
    assert bus.run_until_idle() == 0
    assert run("resume", RED) == run("resume", RED)
    assert bus.run_until_idle() == 1


def test_pausing_an_unknown_context_names_the_known_ones(red_and_blue: None, run: Run) -> None:
    with pytest.raises(CommandError, match="Those that have: blue, red") as refusal:
        run("pause", "green")

    assert refusal.value.returncode == 1
    assert not Subscription.objects.filter(paused=True).exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["sing"],
        ["pause"],
        ["skip", "1"],
        ["dead", "sing"],
        ["dead", "skip"],
        ["dead", "replay"],
        ["dead", "replay", "1", "--all"],
        ["replay"],
        ["replay", "red"],
        ["replay", "red", "--all", "--stream", "counter:1"],
        ["replay", "red", "--since", "yesterday"],
        ["replay", "red", "--since", "2026-01-01T00:00:00"],
        ["status", "--watch", "soon"],
        ["status", "--watch", "0"],
        ["status", "--fail-over", "-1"],
        ["purge"],
        ["purge", "--keep-days", "0"],
        ["purge", "--keep-days", "1", "--chunk", "0"],
    ],
)
def test_wrong_arguments_are_refused(connect: Connect, run: Run, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)


def test_every_action_has_a_help_text(capsys: pytest.CaptureFixture[str]) -> None:
    for action in ("status", "pause", "resume", "dead list", "dead show", "dead replay", "dead skip", "replay", "trace", "purge"):
        with pytest.raises(SystemExit) as ended:
            call_command("bus", *action.split(), "--help")
        assert ended.value.code == 0
        assert len(capsys.readouterr().out.splitlines()) > 4
