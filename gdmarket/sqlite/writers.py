"""The queue of those who want to write one SQLite database: threads of this process in order, and processes in turn."""

import errno
import fcntl
import os
import sqlite3
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress

# How often a process asks whether it is its turn. Locks with a deadline cannot be waited for.
_POLL_S = 0.0005
# How often who waits looks whether the writer's connection still exists: a thread may end in the middle of a transaction.
_LOOK_S = 1.0
# Bytes of the lock file. Who holds `_NEXT` waits for `_WRITING`; so nobody who comes later, or comes again, is before it.
_NEXT, _WRITING = 0, 1


class WriterQueue:
    """Lets one writer at a time in: within the process in the order of asking, and between processes nobody twice before who waits.

    It only orders: that one writes at a time is SQLite's own lock's. So where no file can be made or locked, threads are still in order.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget who is in the queue: after a fork they are in the parent, and so are the locks."""
        self._file: int | None = None
        self._mutex = threading.Lock()
        self._inside: _Writer | None = None
        self._waiting: deque[_Writer] = deque()

    def enter(self, connection: object, *, timeout_s: Callable[[], float]) -> None:
        """Return when it is the connection's turn; who enters must leave. `timeout_s` is asked for only if there is a wait.

        :raises sqlite3.OperationalError: SQLITE_BUSY, as SQLite's own, if it did not come in time
        """
        deadline = _Deadline(timeout_s)
        writer = _Writer(connection)
        with self._mutex:
            if self._inside is None:
                self._inside = writer
            else:
                self._waiting.append(writer)
        if self._inside is not writer:
            self._wait(writer, deadline)
        try:
            self._enter_between_processes(deadline)
        except BaseException:
            self._let_next_in()
            raise

    def leave(self) -> None:
        """Let the next one in."""
        self._unlock(_WRITING)
        self._let_next_in()

    def _wait(self, writer: "_Writer", deadline: "_Deadline") -> None:
        try:
            while not writer.turn.acquire(timeout=min(_LOOK_S, deadline.remaining_s())):
                with self._mutex:
                    if self._inside is not None and self._inside.connection() is None:
                        self._hand_over()
                if self._inside is not writer:
                    deadline.check()
        except BaseException:
            with self._mutex:
                if self._inside is writer:  # its turn came at the last moment
                    self._hand_over()
                else:
                    self._waiting.remove(writer)
            raise

    def _let_next_in(self) -> None:
        with self._mutex:
            self._hand_over()

    def _hand_over(self) -> None:
        self._inside = self._waiting.popleft() if self._waiting else None
        if self._inside is not None:
            self._inside.turn.release()

    def _enter_between_processes(self, deadline: "_Deadline") -> None:
        if self._file is None:
            self._file = _open(self._path)
        self._lock(_NEXT, deadline)
        try:
            self._lock(_WRITING, deadline)
        finally:
            self._unlock(_NEXT)

    def _lock(self, byte: int, deadline: "_Deadline") -> None:
        while self._file is not None:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
            except OSError as refused:
                if refused.errno not in (errno.EAGAIN, errno.EACCES):
                    return  # a file system without locks
            else:
                return
            deadline.check()
            time.sleep(_POLL_S)

    def _unlock(self, byte: int) -> None:
        if self._file is not None:
            with suppress(OSError):
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, byte)


class _Writer:
    """A connection that writes or waits to; who waits acquires `turn`, which is released when its turn comes."""

    def __init__(self, connection: object) -> None:
        self.connection = weakref.ref(connection)
        self.turn = threading.Lock()
        self.turn.acquire()


class _Deadline:
    """When a wait ends, from when it is first asked for."""

    def __init__(self, timeout_s: Callable[[], float]) -> None:
        self._timeout_s = timeout_s
        self._ends_at: float | None = None

    def remaining_s(self) -> float:
        if self._ends_at is None:
            self._ends_at = time.monotonic() + self._timeout_s()
        return max(0.0, self._ends_at - time.monotonic())

    def check(self) -> None:
        """Raise what SQLite raises, if it has passed."""
        if self.remaining_s() <= 0:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_BUSY, "SQLITE_BUSY"
            raise error


_queues: dict[str, WriterQueue] = {}


def queue_of(path: str) -> WriterQueue:
    """Return this process's queue of the database file at a path."""
    return _queues.get(path) or _queues.setdefault(path, WriterQueue(path))


def _begin_anew() -> None:
    for queue in _queues.values():
        queue.begin_anew()


os.register_at_fork(after_in_child=_begin_anew)


def _open(path: str) -> int | None:
    # Never closed: closing any descriptor of a file drops all locks that the process has on it.
    with suppress(OSError):
        return os.open(f"{path}-writers", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    return None
