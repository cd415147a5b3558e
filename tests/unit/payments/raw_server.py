"""A server that writes exactly the bytes that a test wants, and may reset the connection."""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

PATIENCE_S = 10.0


class Line:
    """An accepted connection, and the last request that came over it."""

    def __init__(self, connection: socket.socket, over: Event) -> None:
        self._connection = connection
        self._over = over
        self.request = b""

    def read_request(self) -> bool:
        """Read a request; return False if the client closed the connection."""
        read = b""
        while b"\r\n\r\n" not in read or len(read.split(b"\r\n\r\n", 1)[1]) < _body_length(read):
            more = self._connection.recv(65_536)
            if not more:
                return False
            read += more
        self.request = read
        return True

    def write(self, data: bytes) -> None:
        self._connection.sendall(data)

    def drip(self, data: bytes, *, every_s: float) -> None:
        """Write byte after byte."""
        for byte in data:
            self.write(bytes([byte]))
            self._over.wait(every_s)

    def hang(self) -> None:
        """Write nothing more for as long as the test lasts."""
        self._over.wait(PATIENCE_S)

    def reset(self) -> None:
        """Reset the connection."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()


class RawServer:
    """A server on this machine; `lines` are the connections that it accepted."""

    def __init__(self, talk: Callable[[Line], None]) -> None:
        self._talk = talk
        self._over = Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[Thread] = []
        self.lines: list[Line] = []
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            connection.settimeout(PATIENCE_S)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        line = Line(connection, self._over)
        self.lines.append(line)
        with connection, suppress(OSError):  # the client may close the connection at any time
            self._talk(line)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = Thread(target=work, args=arguments)
        self._threads.append(thread)
        thread.start()


@contextmanager
def raw_server(talk: Callable[[Line], None]) -> Iterator[RawServer]:
    """Let `talk` answer every connection, each in a thread of its own, until the block is left."""
    server = RawServer(talk)
    try:
        yield server
    finally:
        server.close()


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return the bytes of a response."""
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers])
    return f"{head}\r\n\r\n".encode() + body


def _body_length(read: bytes) -> int:
    for header in read.split(b"\r\n\r\n", 1)[0].lower().split(b"\r\n"):
        if header.startswith(b"content-length:"):
            return int(header.split(b":")[1])
    return 0
