"""A DNS server that knows one name, as Docker's and a cluster's do: all addresses of a service, as they come and go."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

_A, _IN, _TTL_S = 1, 1, 1
_HEADER = struct.Struct("!6H")
_ANSWER = struct.Struct("!HHHIH4s")
_ITS_NAME = 0xC00C  # a pointer to the name in the question: RFC 1035, section 4.1.4
_IS_ANSWER = 0x8580


class Names:
    """Tells whoever asks for a name these addresses, whatever the name."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self._line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._line.bind(("127.0.0.1", 0))

    @property
    def address(self) -> str:
        """Where it listens."""
        host, port = self._line.getsockname()
        return f"{host}:{port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Answer for the length of the block."""
        thread = Thread(target=self._serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._line.sendto(b"", self._line.getsockname())
            thread.join()
            self._line.close()

    def _serve(self) -> None:
        while True:
            asked, who = self._line.recvfrom(4096)
            if not asked:
                return
            self._line.sendto(self._answer(asked), who)

    def _answer(self, asked: bytes) -> bytes:
        number = _HEADER.unpack_from(asked)[0]
        ends = asked.index(b"\0", _HEADER.size) + 5
        question = asked[_HEADER.size : ends]
        (kind,) = struct.unpack_from("!H", question, len(question) - 4)
        told = [_ANSWER.pack(_ITS_NAME, _A, _IN, _TTL_S, 4, socket.inet_aton(address)) for address in self.addresses] if kind == _A else []
        return _HEADER.pack(number, _IS_ANSWER, 1, len(told), 0, 0) + question + b"".join(told)
