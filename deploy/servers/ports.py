"""Ports for servers on this machine."""

import random
import socket

_FIRST, _LAST = 10_000, 30_000


def free_port() -> int:
    """Return a port that is free, below those the kernel gives to outgoing connections: a server can be restarted on it."""
    while not is_port_free(port := random.randint(_FIRST, _LAST)):
        pass
    return port


def is_port_free(port: int) -> bool:
    """Say whether one could listen on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
