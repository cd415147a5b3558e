"""Asking what may never answer: a name server, a host, a cache."""

import threading
from collections.abc import Callable
from typing import TypeVar

from django.db import connections

T = TypeVar("T")

PATIENCE_S = 2.0


def ask(question: Callable[[], T]) -> T:
    """Return the answer to `question`, which runs in a thread of its own that nobody waits for longer than 2 s.

    :raises TimeoutError: if it does not answer in time
    :raises Exception: whatever it raises
    """
    answers: list[T] = []
    failures: list[Exception] = []

    def run() -> None:
        try:
            answers.append(question())
        except Exception as failure:  # noqa: BLE001  # it is raised again where it was asked
            failures.append(failure)
        finally:
            connections.close_all()  # this thread's own, where the cache is in a database

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    if failures:
        raise failures[0]
    if not answers:
        raise TimeoutError(f"no answer within {PATIENCE_S:g} s")
    return answers[0]
