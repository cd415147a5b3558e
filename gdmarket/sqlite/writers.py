"""The queue of those who want to write one SQLite database: threads of this process in order, and processes by turns."""

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

# How often a process asks whether it may write. Locks with a deadline cannot be waited for.
_POLL_S = 0.0005
# After so long the order is given up, and SQLite's own lock decides: whoever is before may be stopped, with nothing to write.
_PATIENCE_S = 1.0
# How often who waits looks whether the writer's connection still exists: a thread may end in the middle of a transaction.
_LIVENESS_CHECK_S = 1.0
# Bytes of the lock file. The process that holds `_NEXT` waits for `_WRITING`.
_NEXT, _WRITING = 0, 1


class WriterQueue:
    """Lets one writer at a time in.

    Within the process they go in the order of asking. Of several processes that wait, the first to find `_NEXT` free holds it, and goes
    before all others, those that come again among them; which one finds it first, chance decides.
    It only orders: that one writes at a time is SQLite's own lock's. So where no file can be made or locked, threads are still in order.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Forget who is in the queue: after a fork they are in the parent, and so are the locks."""
        self._file: int | None = None
        self._mutex = threading.Lock()
        self._inside: _Writer | None = None
        self._waiting: deque[_Writer] = deque()

    def enter(self, connection: object, *, timeout_s: Callable[[], float]) -> None:
        """Return when the connection may write; who enters must leave. `timeout_s` is asked for only if there is a wait.

        :raises sqlite3.OperationalError: SQLITE_BUSY, as SQLite's own, if it had to wait for longer
        """
        deadline = _Deadline(timeout_s)
        writer = _Writer(connection, self._unlock_of_lost)
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
            while not writer.admitted.acquire(timeout=min(_LIVENESS_CHECK_S, deadline.remaining_s())):
                with self._mutex:
                    if self._inside is not None and self._inside.connection() is None:
                        self._hand_over()
                if self._inside is not writer:
                    deadline.check()
        except BaseException:
            with self._mutex:
                if self._inside is writer:  # it was let in at the last moment
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
            self._inside.admitted.release()

    def _enter_between_processes(self, deadline: "_Deadline") -> None:
        if self._file is None:
            self._file = _open(self._path)
        gives_up = _Deadline(lambda: _PATIENCE_S)
        try:
            if self._lock(_NEXT, deadline, gives_up):
                self._lock(_WRITING, deadline, gives_up)
        finally:
            self._unlock(_NEXT)

    def _lock(self, byte: int, deadline: "_Deadline", gives_up: "_Deadline") -> bool:
        """Wait for a lock; return False where another process holds it for too long."""
        while self._file is not None:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
            except OSError as refused:
                if refused.errno not in (errno.EAGAIN, errno.EACCES):
                    return True  # a file system without locks
            else:
                return True
            deadline.check()
            if gives_up.remaining_s() <= 0:
                return False
            time.sleep(_POLL_S)
        return True

    def _unlock(self, byte: int) -> None:
        if self._file is not None:
            with suppress(OSError):
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, byte)

    def _unlock_of_lost(self, connection: "weakref.ref[object]") -> None:
        # The garbage collector calls this anywhere, so that it may take no mutex: the next thread finds by itself that the writer is lost.
        inside = self._inside
        if inside is not None and inside.connection is connection:
            self._unlock(_WRITING)


class _Writer:
    """A connection that writes or waits to; who waits acquires `admitted`, which is released when it may write."""

    def __init__(self, connection: object, lost: "Callable[[weakref.ref[object]], None]") -> None:
        self.connection = weakref.ref(connection, lost)
        self.admitted = threading.Lock()
        self.admitted.acquire()


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


def _reset_after_fork() -> None:
    for queue in _queues.values():
        queue.reset_after_fork()


os.register_at_fork(after_in_child=_reset_after_fork)


def _open(path: str) -> int | None:
    # Never closed: closing any descriptor of a file drops all locks that the process has on it.
    with suppress(OSError):
        return os.open(f"{path}-writers", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    return None
