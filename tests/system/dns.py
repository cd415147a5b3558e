"""A DNS server with one service, like Docker's or a cluster's: it returns the addresses of all running replicas."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

_A, _IN, _TTL_S = 1, 1, 1
_HEADER = struct.Struct("!6H")
_ANSWER = struct.Struct("!HHHIH4s")
_NAME_POINTER = 0xC00C  # a pointer to the name in the question: RFC 1035, section 4.1.4
_IS_ANSWER = 0x8580


class DnsServer:
    """Answers every query with `addresses`."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))

    @property
    def address(self) -> str:
        """Where it listens, as `host:port`."""
        host, port = self._socket.getsockname()
        return f"{host}:{port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve for the length of the block."""
        thread = Thread(target=self._serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._socket.sendto(b"", self._socket.getsockname())
            thread.join()
            self._socket.close()

    def _serve(self) -> None:
        while True:
            query, client = self._socket.recvfrom(4096)
            if not query:
                return
            self._socket.sendto(self._answer(query), client)

    def _answer(self, query: bytes) -> bytes:
        number = _HEADER.unpack_from(query)[0]
        ends = query.index(b"\0", _HEADER.size) + 5
        question = query[_HEADER.size : ends]
        (kind,) = struct.unpack_from("!H", question, len(question) - 4)
        addresses = self.addresses if kind == _A else []
        answers = [_ANSWER.pack(_NAME_POINTER, _A, _IN, _TTL_S, 4, socket.inet_aton(address)) for address in addresses]
        return _HEADER.pack(number, _IS_ANSWER, 1, len(answers), 0, 0) + question + b"".join(answers)
