"""Writers of a SQLite database write in the order in which they asked; each time beside what happens without the queue."""

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gdmarket.sqlite import writers
from gdmarket.sqlite.writers import WriterQueue

WRITERS, ROUNDS = 6, 40
LOCKED = "database is locked"


class Owner:
    """Stands for a connection."""


def long() -> float:
    return 20.0


# -- Threads -------------------------------------------------------------------------------------------------------------------------


def most_overtaken(write: Callable[[Callable[[], None], Callable[[], None]], None]) -> int:
    """Let threads write over and over; return how often one that had asked saw the same other one, which asked later, go before it.

    `write` calls its first argument when it has asked, and the second when it writes.
    """
    turns: list[tuple[int, float, float]] = []

    def work(number: int) -> None:
        for _ in range(ROUNDS):
            asked: list[float] = []

            def stamp(asked: list[float] = asked) -> None:
                asked.append(time.perf_counter())

            def hold(asked: list[float] = asked) -> None:
                now = time.perf_counter()
                turns.append((number, asked[0] if asked else now, now))
                time.sleep(0.001)

            write(stamp, hold)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(turns) == WRITERS * ROUNDS
    return max(
        sum(1 for it, its_asked, its_went in turns if it == other and its_asked > asked and its_went < went)
        for number, asked, went in turns
        for other in range(WRITERS)
        if other != number
    )


def test_no_thread_is_overtaken_twice_by_another(tmp_path: Path) -> None:
    queue = WriterQueue(str(tmp_path / "market.sqlite3"))

    def write(stamp: Callable[[], None], hold: Callable[[], None]) -> None:
        owner = Owner()

        def timeout_s() -> float:
            stamp()  # it stands in the queue; two may stamp in the other order, hence once
            return 20.0

        queue.enter(owner, timeout_s=timeout_s)
        hold()
        queue.leave()

    assert most_overtaken(write) <= 1


def test_control_by_sqlites_own_waiting_threads_overtake_many_times(tmp_path: Path) -> None:
    path = tmp_path / "market.sqlite3"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")

    def write(stamp: Callable[[], None], hold: Callable[[], None]) -> None:
        with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as database:
            stamp()
            database.execute("BEGIN IMMEDIATE")
            hold()
            database.execute("COMMIT")

    assert most_overtaken(write) > 5


def test_who_waits_too_long_gets_sqlites_error_and_leaves_the_queue(tmp_path: Path) -> None:
    queue = WriterQueue(str(tmp_path / "market.sqlite3"))
    writing, late = Owner(), Owner()
    queue.enter(writing, timeout_s=long)

    with pytest.raises(sqlite3.OperationalError, match=LOCKED) as refused:
        queue.enter(late, timeout_s=lambda: 0.01)

    assert refused.value.sqlite_errorcode == sqlite3.SQLITE_BUSY
    queue.leave()
    queue.enter(late, timeout_s=lambda: 0.0)


def test_a_writer_that_is_gone_without_a_word_is_followed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "_LOOK_S", 0.01)
    queue = WriterQueue(str(tmp_path / "market.sqlite3"))
    gone, following = Owner(), Owner()
    queue.enter(gone, timeout_s=long)
    del gone

    queue.enter(following, timeout_s=long)

    with pytest.raises(sqlite3.OperationalError, match=LOCKED):  # and it is one's turn as ever
        queue.enter(Owner(), timeout_s=lambda: 0.05)


def test_without_a_place_for_its_file_threads_still_queue(tmp_path: Path) -> None:
    queue = WriterQueue(str(tmp_path / "missing" / "market.sqlite3"))
    writing = Owner()
    queue.enter(writing, timeout_s=long)

    with pytest.raises(sqlite3.OperationalError, match=LOCKED):
        queue.enter(Owner(), timeout_s=lambda: 0.01)

    queue.leave()
    queue.enter(writing, timeout_s=lambda: 0.0)


# -- Processes -----------------------------------------------------------------------------------------------------------------------

_OTHER = """
import sys, time
from gdmarket.sqlite.writers import WriterQueue
queue, log = WriterQueue(sys.argv[1]), sys.argv[1] + ".log"
for _ in sys.stdin:
    queue.enter(queue, timeout_s=lambda: 20.0)
    with open(log, "a") as file:
        file.write("other ")
    queue.leave()
    print("wrote", flush=True)
"""


def order_of_two_processes(queue: WriterQueue, path: Path, *, is_waiting: Callable[[], bool]) -> list[str]:
    """Leave while another process waits, and come again at once, a few times; return who wrote, in order."""
    log = Path(f"{path}.log")
    with subprocess.Popen([sys.executable, "-c", _OTHER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        for _ in range(10):
            queue.enter(queue, timeout_s=long)
            other.stdin.write("go\n")
            other.stdin.flush()
            while not is_waiting():
                time.sleep(0.001)
            queue.leave()
            queue.enter(queue, timeout_s=long)
            with log.open("a") as file:
                file.write("here ")
            queue.leave()
            other.stdout.readline()
        other.stdin.close()
    return log.read_text().split()


def test_a_process_that_comes_again_lets_the_one_that_waits_go_first(tmp_path: Path) -> None:
    queue = WriterQueue(str(tmp_path / "market.sqlite3"))

    def is_waiting() -> bool:
        try:
            queue._lock(writers._NEXT, writers._Deadline(lambda: 0.0))  # whether the other process holds it
        except sqlite3.OperationalError:
            return True
        queue._unlock(writers._NEXT)
        return False

    assert order_of_two_processes(queue, tmp_path / "market.sqlite3", is_waiting=is_waiting) == ["other", "here"] * 10


class QueueWithoutTurns(WriterQueue):
    """Takes the lock as soon as it is free, whoever waits."""

    def _lock(self, byte: int, deadline: writers._Deadline) -> None:
        if byte == writers._WRITING:
            super()._lock(byte, deadline)


def waited() -> bool:
    time.sleep(0.02)  # nothing shows that the other process waits
    return True


def test_control_without_turns_it_goes_first_itself(tmp_path: Path) -> None:
    queue = QueueWithoutTurns(str(tmp_path / "market.sqlite3"))
    order = order_of_two_processes(queue, tmp_path / "market.sqlite3", is_waiting=waited)

    assert order != ["other", "here"] * 10
    assert sorted(order) == ["here"] * 10 + ["other"] * 10


_FORKING = """
import os, sqlite3, sys
from gdmarket.sqlite.writers import queue_of
path = sys.argv[1]

def can_child_enter():
    child = os.fork()
    if child == 0:
        try:
            queue_of(path).enter(os, timeout_s=lambda: 0.05)
        except sqlite3.OperationalError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0

queue_of(path).enter(sys, timeout_s=lambda: 20.0)
assert not can_child_enter()  # its parent writes
queue_of(path).leave()
assert can_child_enter()
queue_of(path).enter(sys, timeout_s=lambda: 20.0)  # the child ended inside
"""


def test_a_forked_process_waits_for_its_parent_like_any_other(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _FORKING, str(tmp_path / "market.sqlite3")], check=True)
