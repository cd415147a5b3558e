"""docs/how-to/operate.md and docs/reference/commands.md know every command there is."""

import pytest
from django.core.management import get_commands

from tests.docs.papers import ROOT

PAGE = (ROOT / "docs/how-to/operate.md").read_text() + (ROOT / "docs/reference/commands.md").read_text()
COMMANDS = sorted(name for name, app in get_commands().items() if app.startswith(("apps.", "config", "gdmarket.")))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_told_of(command: str) -> None:
    assert f"`manage.py {command}`" in PAGE or f"`{command} " in PAGE


@pytest.mark.parametrize(
    "action", ["status", "pause", "resume", "trace", "dead", "dead show", "dead replay", "dead skip", "replay", "purge"]
)
def test_every_action_of_the_bus_is_told_of(action: str) -> None:
    assert f"`bus {action}" in PAGE


@pytest.mark.parametrize("action", ["status", "open", "close"])
def test_every_action_of_the_breaker_is_told_of(action: str) -> None:
    assert f"`breaker {action}" in PAGE
