"""Run every block of the walk-through pages in order, against a real server, and compare what it prints."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from threading import Timer

import pytest

from tests.docs.pages import ROOT, Block, blocks
from tests.e2e.served import Served

WALKS = {
    "getting started": (ROOT / "README.md", ROOT / "docs" / "tutorial" / "getting-started.md"),
    "checkpoints": (ROOT / "docs" / "reference" / "checkpoints.md",),
}
ADDRESS = "http://127.0.0.1:8000"
END = "end of block"
PATIENCE_S = 60.0

# What is different each time; everything else must be as the page says.
_VARYING = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
    (re.compile(r"\d\d:\d\d:\d\d\.\d+ +[+-]\d+ ms"), "<moment>"),
    (re.compile(r"[ \t]+"), " "),
)

pytestmark = pytest.mark.nightly("postgresql")  # a newcomer is on SQLite


STAND_IN = Path(__file__).with_name("bin")


def with_stand_in(environment: dict[str, str]) -> dict[str, str]:
    """Return an environment in which the pages' `curl` is a few lines of Python: a newcomer may have Python and git alone."""
    return environment | {"PATH": f"{STAND_IN}:{environment['PATH']}"}


class Terminal:
    """A shell in the repository's folder, as a newcomer has it open, with the server beside it."""

    def __init__(self, served: Served) -> None:
        environment = served.environment if shutil.which("curl") else with_stand_in(served.environment)
        self.address = f"http://127.0.0.1:{served.port}"
        self.shell = subprocess.Popen(
            ["sh"], cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, commands: str) -> str:
        """Run a block at once after the one before, and return what it printed."""
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        self.shell.stdin.write(f"{commands.replace(ADDRESS, self.address)}\nprintf '\\n{END}\\n'\n")
        self.shell.stdin.flush()
        printed: list[str] = []
        give_up = Timer(PATIENCE_S, self.shell.kill)
        give_up.start()
        for line in self.shell.stdout:
            if line == f"{END}\n":
                give_up.cancel()
                return "".join(printed).removesuffix("\n")
            printed.append(line)
        give_up.cancel()
        raise AssertionError(f"the shell ended in:\n{commands}\nafter:\n{''.join(printed)}")


@pytest.fixture
def terminal(process_environment: dict[str, str], tmp_path: Path) -> Iterator[Terminal]:
    served = Served(process_environment | {"GDMARKET_DATA_DIR": str(tmp_path)}, tmp_path / "output")
    family = served.family()
    terminal = Terminal(served)
    yield terminal
    terminal.shell.kill()
    terminal.shell.communicate()
    for process in family:
        if process.is_running():
            process.kill()
    served.process.wait()


def same(text: str) -> list[str]:
    """Return the lines of a text with what varies taken out."""
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return [line.strip() for line in text.strip().splitlines()]


@pytest.mark.parametrize("pages", WALKS.values(), ids=WALKS)
def test_every_block_of_the_walk_through_prints_what_the_page_says(terminal: Terminal, pages: tuple[Path, ...]) -> None:
    walked = 0
    for page in pages:
        for block, following in pairwise([*blocks(page), Block(kind="", text="")]):
            if block.kind != "sh":
                continue
            printed = terminal.run(block.text)
            promised = following.text if following.kind in {"text", "json"} else ""
            assert same(printed) == same(promised), f"{block.text}\nprinted:\n{printed}"
            walked += 1
    assert walked > 7
