"""An operator pauses contexts and lets them go on; what is misused is refused."""

import pytest
from django.core.management import CommandError, call_command

from gdmarket import bus
from gdmarket.bus.models import Subscription
from tests.unit.gdmarket.bus.conftest import Connect, Run
from tests.unit.gdmarket.bus.kitchen import BLUE, RED, Poured, pour, reader


def test_pausing_and_resuming_twice_is_the_same_as_once(hear: Connect, run: Run) -> None:
    hear({Poured: [reader(RED)]})

    assert run("pause", RED) == run("pause", RED)
    pour(1)
    assert bus.run_until_idle() == 0
    assert run("resume", RED) == run("resume", RED)
    assert bus.run_until_idle() == 1


def test_pausing_a_context_that_hears_nothing_names_those_that_do(hear: Connect, run: Run) -> None:
    hear({Poured: [reader(RED), reader(BLUE)]})

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
        ["replay", "red", "--all", "--stream", "cup:1"],
        ["replay", "red", "--since", "yesterday"],
        ["replay", "red", "--since", "2026-01-01T00:00:00"],
        ["status", "--sample", "soon"],
        ["status", "--sample", "-1"],
        ["purge"],
        ["purge", "--keep-days", "0"],
        ["purge", "--keep-days", "1", "--chunk", "0"],
    ],
)
def test_misuse_is_refused(hear: Connect, run: Run, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)


def test_every_action_tells_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    for action in ("status", "pause", "resume", "dead list", "dead show", "dead replay", "dead skip", "replay", "trace", "purge"):
        with pytest.raises(SystemExit) as ended:
            call_command("bus", *action.split(), "--help")
        assert ended.value.code == 0
        assert len(capsys.readouterr().out.splitlines()) > 4
