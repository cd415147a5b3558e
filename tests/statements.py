"""The statements that reach the databases: how many there are, and some that are refused."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.db import OperationalError, connections
from django.test.utils import CaptureQueriesContext

from gdmarket import databases


def count_statements(act: Callable[[], object]) -> int:
    """Return how many statements reach all databases together while `act` runs."""
    with ExitStack() as stack:
        captures = [stack.enter_context(CaptureQueriesContext(connections[alias])) for alias in databases.aliases()]
        act()
    return sum(map(len, captures))


@contextmanager
def refused_statements(words: str) -> Iterator[None]:
    """Refuse within the block every statement with these words, such as a table's name, as if its database were away."""

    def refuse(execute: Any, sql: str, *rest: Any) -> Any:
        if words in sql:
            raise OperationalError("the database is away")
        return execute(sql, *rest)

    with ExitStack() as stack:
        for alias in databases.aliases():
            stack.enter_context(connections[alias].execute_wrapper(refuse))
        yield
