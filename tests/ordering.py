"""The order of the tests, and their division among workers: those that start servers and other processes come first.

Each of them takes seconds, and the longest a minute: no worker may begin one when the others are about to end.
"""

from itertools import islice

import pytest

# What takes longest, longest first.
_LONGEST = (
    "tests/docs/test_getting_started.py",
    "tests/e2e/test_chaos_payments.py",
    "tests/e2e/test_fault_matrix.py",
    "tests/e2e/test_moving.py",
    "tests/e2e/test_killed_rebuild.py",
    "tests/e2e/test_chaos.py",
    "tests/e2e/test_backup.py",
)
_SHORT = len(_LONGEST) + 1


def order(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the long tests first in each share that `--dist worksteal` gives a worker."""
    worker: dict[str, int] = getattr(config, "workerinput", {})
    items[:] = longest_first(items, workers=worker.get("workercount", 1))


def longest_first(items: list[pytest.Item], *, workers: int) -> list[pytest.Item]:
    """Return the tests as so many shares, one after the other: xdist gives each worker as many tests that follow each other."""
    long = sorted((item for item in items if _rank(item) < _SHORT), key=_rank)
    short = iter([item for item in items if _rank(item) == _SHORT])
    ordered: list[pytest.Item] = []
    left = len(items)
    for number in range(workers):
        share = left // (workers - number)
        left -= share
        mine = long[number::workers][:share]
        ordered += [*mine, *islice(short, share - len(mine))]
    dealt = set(ordered)
    return ordered + [item for item in items if item not in dealt]


def _rank(item: pytest.Item) -> int:
    name = item.nodeid.partition("::")[0]
    if name in _LONGEST:
        return _LONGEST.index(name)
    return len(_LONGEST) if name.startswith("tests/e2e/") else _SHORT
