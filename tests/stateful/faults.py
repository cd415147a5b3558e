"""Fault injection, statement by statement: the process is killed or disconnected, or a subscriber fails at an event."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import DatabaseError, OperationalError, connection

from gdmarket import bus

# More statements than the longest command sends: an interruption that comes later misses.
MOST_STATEMENTS = 40
ALWAYS = 1_000_000


class InterruptionKind(StrEnum):
    KILL = "kill"
    DISCONNECT = "disconnect"


@dataclass(frozen=True)
class Interruption:
    """The process is killed or disconnected when it is about to send its `statement`-th statement."""

    kind: InterruptionKind
    statement: int


class KilledError(BaseException):
    """The process was killed: a BaseException, so that nothing catches it and its transaction is rolled back."""


class PoisonError(Exception):
    """A subscriber fails at an event."""


class Faults:
    """Injects faults between the code under test and the database."""

    def __init__(self) -> None:
        self._poison: dict[tuple[str, str], int] = {}
        self._interruption: Interruption | None = None
        self._sent = 0

    def poison(self, *, subscriber: str, stream: str, times: int) -> None:
        """Let a subscriber fail for the next `times` events of a stream."""
        self._poison[subscriber, stream] = times

    def clear(self) -> None:
        self._poison.clear()

    @contextmanager
    def process(self, *, subscriber: str = "", interruption: Interruption | None = None) -> Iterator[None]:
        """Run the block as one process, which an interruption may end; only the database shows whether it did."""
        self._interruption, self._sent = interruption, 0
        try:
            with connection.execute_wrapper(self._wrapper(subscriber)):
                yield
        except KilledError:
            connection.close()
        except DatabaseError:
            # Perhaps not the error raised below: Django raises its own where a savepoint cannot be rolled back.
            if interruption is None or self._sent < interruption.statement:
                raise
            connection.close()

    def _wrapper(self, subscriber: str) -> Callable[..., Any]:
        def send(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
            self._interrupt()
            self._poison_event(subscriber)
            return execute(sql, params, many, context)

        return send

    def _interrupt(self) -> None:
        self._sent += 1
        if self._interruption is None or self._sent != self._interruption.statement:
            return
        if self._interruption.kind is InterruptionKind.KILL:
            raise KilledError
        raise OperationalError("disconnected")

    def _poison_event(self, subscriber: str) -> None:
        event = bus.current()
        if event is None or not self._poison.get((subscriber, event.stream)):
            return
        self._poison[subscriber, event.stream] -= 1
        raise PoisonError(f"{subscriber} fails at {event.stream}")
