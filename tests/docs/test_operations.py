"""The pages for operators name every management command, and every action of those that have actions."""

import pytest
from django.core.management import get_commands

from tests.docs.pages import all_pages

TEXT = "".join(page.read_text() for page in all_pages() if {"how-to", "reference"} & set(page.parts))
COMMANDS = sorted(name for name, app in get_commands().items() if app.startswith(("apps.", "config", "gdmarket.")))
BUS = [
    f"bus {action}" for action in ("status", "pause", "resume", "trace", "dead", "dead show", "dead replay", "dead skip", "replay", "purge")
]
BREAKER = [f"breaker {action}" for action in ("status", "open", "close")]


@pytest.mark.parametrize("command", [*COMMANDS, *BUS, *BREAKER])
def test_every_command_is_documented(command: str) -> None:
    assert f"`manage.py {command}" in TEXT or f"`{command}" in TEXT
