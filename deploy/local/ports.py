"""Ports for processes that are started again at the same place."""

import random
import socket

_FIRST, _LAST = 10_000, 30_000


def pick_port() -> int:
    """Return a port that is free now, and that the kernel gives to no outgoing connection while its server is dead."""
    while True:
        port = random.randint(_FIRST, _LAST)
        if is_free(port):
            return port


def is_free(port: int) -> bool:
    """Say whether one could listen on a port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
