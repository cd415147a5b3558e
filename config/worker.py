"""gunicorn's threaded worker with another way to share the work among its threads, and an end that leaves no connection unanswered.

**Leader and followers.** gunicorn's own worker hands each connection from its main thread to a pool and back through a pipe; its threads
contend for Python's global lock at every request. Here one thread at a time, the leader, waits for connections and answers them
itself, one after the other, with no other thread awake. If an answer takes longer than `_HANDOVER_AFTER_S`, because it waits for a
database, a disk or a provider, the main thread makes another thread the leader.

**The end.** gunicorn's own worker (24.1 to 27.0) stops accepting on SIGTERM and keeps its socket open until its last request is done:
connections that come meanwhile are taken by the kernel, answered by nobody, and reset in the end. A gateway may not send their POSTs again.
"""

import queue
import selectors
import signal
import socket
import threading
import time
from types import FrameType

from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from config import server
from gdmarket import shutdown

_HANDOVER_AFTER_S = 0.002
# While nothing comes, the main thread looks after the rest so often; and how long it stays awake after the last request.
_TICK_S = 1.0
_TICK_BUSY_S = 0.1


class _Lead:
    """One thread's term as leader."""

    def __init__(self) -> None:
        self.is_over = False
        #: When it took the connection that it answers; None while it waits for one.
        self.busy_since: float | None = None


class DrainingWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """Serves on SIGTERM for `GDMARKET_DRAIN_S`, not ready; then answers what has connected, and refuses connections while it ends.

    `since_fork` has the signals that came before it listened to any: until then those of the arbiter, from which it was forked, take them.
    """

    since_fork: "queue.SimpleQueue[int] | None" = None

    def init_process(self) -> None:
        """Prepare to serve, then serve: gunicorn's calls `run`."""
        # What is registered waits to be read: listeners, and connections between two requests.
        self._waiting = selectors.DefaultSelector()
        self._mutex = threading.Lock()
        self._turn = threading.Lock()  # the leader's; the main thread takes it away
        self._lead = _Lead()
        self._has_work = threading.Event()
        self._next_tick_at = 0.0
        super().init_process()

    def init_signals(self) -> None:
        """Listen to signals; be told to end by one that came before."""
        super().init_signals()
        while self.since_fork and not self.since_fork.empty():
            if self.since_fork.get_nowait() == signal.SIGTERM:
                self.handle_exit(signal.SIGTERM, None)

    def run(self) -> None:
        """Serve until the worker is told to end; then answer all that has connected."""
        for listener in self.sockets:
            listener.setblocking(False)  # noqa: FBT003  # the socket's own signature
        self._listen()
        for number in range(self.cfg.threads):
            threading.Thread(target=self._serve, name=f"server-{number}", daemon=True).start()
        while self.alive and self.is_parent_alive():
            self._tick()
        self._refuse_connections()
        now = time.monotonic()
        idle_until, ends_at = now + STOP_KEEPALIVE_LINGER, now + self.cfg.graceful_timeout
        while self.nr_conns and time.monotonic() < ends_at:
            self._next_tick_at = 0.0
            self._tick(idle_until=idle_until)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain; the end begins by a timer."""
        if not shutdown.is_draining():
            shutdown.begin_draining()
            ending = threading.Timer(server.DRAIN_S, self._end)
            ending.daemon = True
            ending.start()

    def _end(self) -> None:
        self.alive = False
        self._has_work.set()

    # -- The main thread ---------------------------------------------------------------------------------------------------------

    def _tick(self, *, idle_until: float = float("inf")) -> None:
        """Let a follower lead if the leader is busy; tell the arbiter that the worker lives; close what has been idle for too long."""
        if self._has_work.wait(_TICK_S):
            time.sleep(_HANDOVER_AFTER_S)
        now = time.monotonic()
        lead = self._lead
        with self._mutex:
            if lead.busy_since is not None and now - lead.busy_since > _HANDOVER_AFTER_S:
                self._end_lead(lead)
        if now >= self._next_tick_at:
            self._next_tick_at = now + _TICK_BUSY_S
            self.notify()
            self._close_idle(now, idle_until)
            if self.alive:
                self._listen()
                self._idle()

    def _end_lead(self, lead: _Lead) -> None:
        """Let another thread lead; called under the mutex."""
        if not lead.is_over:
            lead.is_over, lead.busy_since = True, None
            self._turn.release()

    def _idle(self) -> None:
        """Wait longer from now on, unless the leader has just seen this thread awake."""
        self._has_work.clear()
        if self._lead.busy_since is not None:
            self._has_work.set()

    def _listen(self) -> None:
        """Wait for new connections, unless there are too many."""
        with self._mutex:
            for listener in self.sockets:
                if self.nr_conns < self.worker_connections and listener not in self._waiting.get_map():
                    self._waiting.register(listener, selectors.EVENT_READ, listener)

    def _close_idle(self, now: float, idle_until: float) -> None:
        """Close what has been idle for too long; also the longest idle ones where they leave no room for others."""
        with self._mutex:
            kept = [key.data for key in self._waiting.get_map().values() if isinstance(key.data, TConn)]
            idle = [connection for connection in kept if min(connection.timeout, idle_until) <= now]
            if not idle and len(kept) > self.max_keepalived:
                readable = {key.data for key, _ in self._waiting.select(0)}
                kept.sort(key=lambda connection: connection.timeout)
                idle = [connection for connection in kept[: len(kept) - self.max_keepalived] if connection not in readable]
            for connection in idle:
                self._waiting.unregister(connection.sock)
        for connection in idle:
            self._close(connection)

    def _refuse_connections(self) -> None:
        """Accept what the kernel has taken, which closing the socket would reset; then close it."""
        for listener in self.sockets:
            while self._accept(listener):
                pass
            with self._mutex:
                self._stop_listening(listener)
                listener.close()

    # -- The other threads -------------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        while True:
            self._turn.acquire()  # the main thread releases it
            lead = self._lead = _Lead()
            try:
                while not lead.is_over:
                    for key, _ in self._waiting.select():
                        if not self._handle_event(key, lead):
                            break
            except BaseException:
                # The rest is left to the other threads, and then to another worker.
                with self._mutex:
                    self._end_lead(lead)
                self._end()
                raise

    def _handle_event(self, key: selectors.SelectorKey, lead: _Lead) -> bool:
        """Answer what has come; return whether this thread still leads. If not, the next leader finds the rest."""
        lead.busy_since = time.monotonic()
        if not self._has_work.is_set():
            self._has_work.set()
        try:
            if isinstance(key.data, TConn):
                if self._claim(key.data):
                    self._answer(key.data)
            else:
                self._accept(key.data)
        except (Exception, SystemExit):
            self.log.exception("A request ended in an error that nothing handled")
        with self._mutex:
            lead.busy_since = None
            return not lead.is_over

    def _claim(self, connection: TConn) -> bool:
        """Take a connection out of those that wait; False if it is not there any more: it was idle for too long."""
        with self._mutex:
            if connection.sock.fileno() == -1 or connection.sock not in self._waiting.get_map():
                return False
            self._waiting.unregister(connection.sock)
            return True

    def _accept(self, listener: socket.socket) -> bool:
        """Accept one connection; return whether there may be more."""
        with self._mutex:  # the main thread closes the listener under it
            if listener.fileno() == -1:
                return False
            try:
                client, address = listener.accept()
            except BlockingIOError:  # another worker took it
                return False
            except ConnectionAbortedError:  # the client has gone
                return True
            except OSError as failure:  # mostly too many open files
                self.log.error("No connection can be accepted for a second: %s", failure)  # noqa: TRY400  # the message says all
                self._next_tick_at = time.monotonic() + _TICK_S  # it listens again then
                self._stop_listening(listener)
                return False
            connection = TConn(self.cfg, client, address, listener.getsockname())
            connection.data_ready = True
            self.nr_conns += 1
            if self.nr_conns >= self.worker_connections:
                self._stop_listening(listener)
        self._wait_for(connection)
        return True

    def _stop_listening(self, listener: socket.socket) -> None:
        if listener in self._waiting.get_map():
            self._waiting.unregister(listener)

    def _wait_for(self, connection: TConn) -> None:
        connection.set_timeout()
        with self._mutex:
            self._waiting.register(connection.sock, selectors.EVENT_READ, connection)

    def _answer(self, connection: TConn) -> None:
        keeps = False
        try:
            while keeps := self.handle(connection):
                if not connection.parser.unreader.buf.getvalue():  # else the next request has been read already
                    break
        finally:
            if keeps:
                self._wait_for(connection)
            else:
                self._close(connection, graceful=True)

    def _close(self, connection: TConn, *, graceful: bool = False) -> None:
        connection.close(graceful=graceful)
        with self._mutex:
            self.nr_conns -= 1
