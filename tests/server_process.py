"""What the tests' own database servers share: who runs them, where they listen, and that they end with the tests."""

import ctypes
import os
import pwd
import signal
import socket
import subprocess
from pathlib import Path
from typing import TypedDict

START_TIMEOUT_S = 60.0
_PR_SET_PDEATHSIG = 1


class Identity(TypedDict, total=False):
    """Who runs a process, as subprocess wants it."""

    user: int
    group: int
    extra_groups: list[int]


class ServerNotStartedError(RuntimeError):
    """A server of the tests' own did not come up."""


def identity() -> Identity:
    """Return who runs a server: nobody when we are root (PostgreSQL and MariaDB refuse root), else ourselves."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def may_run(program: Path, as_whom: Identity, *, cwd: Path) -> bool:
    """Say whether somebody can run a program."""
    try:
        return subprocess.run([str(program), "--version"], cwd=cwd, **as_whom, capture_output=True, check=False).returncode == 0
    except PermissionError:
        return False


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def die_with_parent() -> None:
    """Have the kernel end this process with its parent: even a killed pytest leaves no server behind (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
