"""Writers of a SQLite database write in the order in which they asked; each time beside what happens without the queue."""

import gc
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from gdmarket.sqlite import writers
from gdmarket.sqlite.writers import WriterQueue

LOCKED = "database is locked"


class Owner:
    """Stands for a connection."""


def long() -> float:
    return 20.0


def too_short() -> float:
    return 0.05


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the order on a busy machine, too."""
    monkeypatch.setattr(writers, "_PATIENCE_S", 20.0)


# -- Threads -------------------------------------------------------------------------------------------------------------------------


def order_of_threads(queue: WriterQueue) -> list[str]:
    """Have five threads ask one after another while this one writes, which then comes again at once; return who wrote, in order."""
    order: list[str] = []
    here = Owner()

    def work(name: str) -> None:
        owner = Owner()
        queue.enter(owner, timeout_s=long)
        order.append(name)
        queue.leave()

    queue.enter(here, timeout_s=long)
    threads = [threading.Thread(target=work, args=(name,)) for name in "abcde"]
    for n, thread in enumerate(threads, start=1):
        thread.start()
        while len(queue._waiting) < n:
            time.sleep(0.001)
    queue.leave()
    queue.enter(here, timeout_s=long)
    order.append("here")
    queue.leave()
    for thread in threads:
        thread.join()
    return order


def test_threads_write_in_the_order_in_which_they_asked(tmp_path: Path) -> None:
    assert order_of_threads(WriterQueue(str(tmp_path / "market.sqlite3"))) == [*"abcde", "here"]


class LastComeQueue(WriterQueue):
    """Lets in who asked last."""

    def _hand_over(self) -> None:
        self._waiting.reverse()
        super()._hand_over()
        self._waiting.reverse()


def test_control_without_the_order_who_asked_last_goes_first(tmp_path: Path) -> None:
    assert order_of_threads(LastComeQueue(str(tmp_path / "market.sqlite3")))[0] == "e"


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
    monkeypatch.setattr(writers, "_LIVENESS_CHECK_S", 0.01)
    queue = WriterQueue(str(tmp_path / "market.sqlite3"))
    gone, following = Owner(), Owner()
    queue.enter(gone, timeout_s=long)
    del gone

    queue.enter(following, timeout_s=long)

    with pytest.raises(sqlite3.OperationalError, match=LOCKED):  # and one writes at a time, as ever
        queue.enter(Owner(), timeout_s=too_short)


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
import sys
from gdmarket.sqlite import writers
from gdmarket.sqlite.writers import WriterQueue
writers._PATIENCE_S = 20.0
queue, log = WriterQueue(sys.argv[1]), sys.argv[1] + ".log"
for _ in sys.stdin:
    queue.enter(queue, timeout_s=lambda: 20.0)
    with open(log, "a") as file:
        file.write("other ")
    queue.leave()
    print("wrote", flush=True)
"""
Other = subprocess.Popen[str]


@contextmanager
def another_process(path: Path) -> Iterator[Other]:
    """Give a process that writes once for each line that it reads."""
    with subprocess.Popen([sys.executable, "-c", _OTHER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        yield other
        other.communicate()


def begin_to_wait(queue: WriterQueue, *others: Other) -> None:
    """Have other processes write; return when one of them is next."""
    for other in others:
        assert other.stdin is not None
        other.stdin.write("go\n")
        other.stdin.flush()
    now = writers._Deadline(lambda: 0.0)
    while WriterQueue._lock(queue, writers._NEXT, writers._Deadline(long), now):
        queue._unlock(writers._NEXT)
        time.sleep(0.001)


def end_waiting(*others: Other) -> None:
    for other in others:
        assert other.stdout is not None
        other.stdout.readline()


def write_here(queue: WriterQueue, path: Path) -> None:
    queue.enter(queue, timeout_s=long)
    with Path(f"{path}.log").open("a") as file:
        file.write("here ")
    queue.leave()


def written(path: Path) -> list[str]:
    return Path(f"{path}.log").read_text().split()


@pytest.mark.parametrize("processes", [2, 4])
def test_a_process_that_comes_again_lets_the_one_that_is_next_go_first(tmp_path: Path, processes: int) -> None:
    path = tmp_path / "market.sqlite3"
    queue = WriterQueue(str(path))
    with ExitStack() as stack:
        others = [stack.enter_context(another_process(path)) for _ in range(processes - 1)]
        for _ in range(5):
            before = len(written(path)) if Path(f"{path}.log").exists() else 0
            queue.enter(queue, timeout_s=long)
            begin_to_wait(queue, *others)
            queue.leave()
            write_here(queue, path)
            end_waiting(*others)
            order = written(path)[before:]
            assert order[0] == "other"
            assert sorted(order) == ["here"] + ["other"] * (processes - 1)


class QueueWithoutTurns(WriterQueue):
    """Takes the lock as soon as it is free, whoever waits."""

    def _lock(self, byte: int, deadline: writers._Deadline, gives_up: writers._Deadline) -> bool:
        return byte == writers._NEXT or super()._lock(byte, deadline, gives_up)


def test_control_without_turns_it_goes_first_itself(tmp_path: Path) -> None:
    path = tmp_path / "market.sqlite3"
    queue = QueueWithoutTurns(str(path))
    with another_process(path) as other:
        queue.enter(queue, timeout_s=long)
        begin_to_wait(queue, other)
        other.send_signal(signal.SIGSTOP)  # as slow as it may be
        queue.leave()
        write_here(queue, path)
        other.send_signal(signal.SIGCONT)
        end_waiting(other)

    assert written(path) == ["here", "other"]


def test_a_process_that_is_stopped_while_it_is_next_keeps_nobody_from_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "market.sqlite3"
    queue = WriterQueue(str(path))
    with another_process(path) as other:
        queue.enter(queue, timeout_s=long)
        begin_to_wait(queue, other)
        other.send_signal(signal.SIGSTOP)
        queue.leave()
        with pytest.raises(sqlite3.OperationalError, match=LOCKED):  # patience ends later than this
            queue.enter(queue, timeout_s=too_short)

        monkeypatch.setattr(writers, "_PATIENCE_S", 0.05)
        write_here(queue, path)

        other.send_signal(signal.SIGCONT)
        end_waiting(other)
    assert written(path) == ["here", "other"]


def test_a_connection_that_is_lost_in_a_transaction_lets_other_processes_write(tmp_path: Path) -> None:
    path = tmp_path / "market.sqlite3"
    queue, lost = WriterQueue(str(path)), Owner()
    queue.enter(lost, timeout_s=long)
    with another_process(path) as other:
        begin_to_wait(queue, other)
        del lost
        gc.collect()
        end_waiting(other)

    assert written(path) == ["other"]


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
    command = [sys.executable, "-c", _FORKING, str(tmp_path / "market.sqlite3")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
