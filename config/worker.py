"""gunicorn's threaded worker, which leaves no connection unanswered while it ends.

gunicorn's own (24.1 to 27.0) stops accepting on SIGTERM and keeps its socket open until its last request is done: connections that
come meanwhile are taken by the kernel, answered by nobody, and reset in the end. A gateway may not send their POSTs again.
"""

from threading import Timer
from types import FrameType

from gunicorn.workers.gthread import ThreadWorker

from config import server
from gdmarket import shutdown


class DrainingWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """Serves on SIGTERM for `GDMARKET_DRAIN_S`, not ready; then answers what has connected, and refuses connections while it ends."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain; the end begins by a timer."""
        if not shutdown.is_draining():
            shutdown.begin_draining()
            ending = Timer(server.DRAIN_S, super().handle_exit, (sig, frame))
            ending.daemon = True
            ending.start()

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001  # gunicorn's signature
        """Do as gunicorn asks; once the worker ends, close the socket, so that the kernel refuses new connections."""
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                self._accept_waiting(listener)
                listener.close()

    def _accept_waiting(self, listener: object) -> None:
        """Accept each connection that the kernel has taken; closing the socket would reset them."""
        before = -1
        while before != self.nr_conns:
            before = self.nr_conns
            self.accept(listener)
