"""What goes wrong in a process, statement by statement: it is killed, its database fails it, or an event is poison to a subscriber."""

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


class Kind(StrEnum):
    """What an interruption does."""

    KILL = "kill"
    CUT_OFF = "cut off"


@dataclass(frozen=True)
class Interruption:
    """The process is killed, or cut off from its database, when it is about to send its `statement`-th statement."""

    kind: Kind
    statement: int


class KilledError(BaseException):
    """The process is no more: nothing in it catches this, and its transaction is rolled back."""


class PoisonError(Exception):
    """A subscriber cannot stand an event."""


class Faults:
    """Stands between the code and the database, so that what fails is chosen here and the code under test is as it is."""

    def __init__(self) -> None:
        self._poison: dict[tuple[str, str], int] = {}
        self._interruption: Interruption | None = None
        self._sent = 0

    def poison(self, *, subscriber: str, stream: str, times: int) -> None:
        """Let a subscriber fail the next `times` times that it handles an event of a stream."""
        self._poison[subscriber, stream] = times

    def heal(self) -> None:
        """Let nothing fail any more."""
        self._poison.clear()

    @contextmanager
    def working(self, *, subscriber: str = "", interruption: Interruption | None = None) -> Iterator[None]:
        """Work as a process of its own, which an interruption may end; whether it did, only the database tells."""
        self._interruption, self._sent = interruption, 0
        try:
            with connection.execute_wrapper(self._sending(subscriber)):
                yield
        except KilledError:
            connection.close()
        except DatabaseError:
            # Not always the one raised below: where a savepoint cannot be rolled back, Django refuses to go on in the transaction.
            if interruption is None or self._sent < interruption.statement:
                raise
            connection.close()

    def _sending(self, subscriber: str) -> Callable[..., Any]:
        def send(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
            self._interrupt()
            self._poison_event(subscriber)
            return execute(sql, params, many, context)

        return send

    def _interrupt(self) -> None:
        self._sent += 1
        if self._interruption is None or self._sent != self._interruption.statement:
            return
        if self._interruption.kind is Kind.KILL:
            raise KilledError
        raise OperationalError("cut off")

    def _poison_event(self, subscriber: str) -> None:
        event = bus.current()
        if event is None or not self._poison.get((subscriber, event.stream)):
            return
        self._poison[subscriber, event.stream] -= 1
        raise PoisonError(f"{subscriber} cannot stand {event.stream}")
