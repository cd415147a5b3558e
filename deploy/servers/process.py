"""What the tests' own database servers share: who runs them, where they listen, and that they end with the tests."""

import ctypes
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

START_TIMEOUT_S = 60.0
_LINES_OF_LOG = 30
_PR_SET_PDEATHSIG = 1


class Identity(TypedDict, total=False):
    """Who runs a process, as subprocess wants it."""

    user: int
    group: int
    extra_groups: list[int]


class ServerNotStartedError(RuntimeError):
    """A server of the tests' own did not come up."""


def identity() -> Identity:
    """Return who runs a server: nobody when we are root (PostgreSQL refuses root), else ourselves."""
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


def start(command: Sequence[str], *, home: Path, as_whom: Identity, port: int, ready: str) -> subprocess.Popen[bytes]:
    """Start a server and return it once it takes connections at `port` and its log, `home`/log, says that it is `ready`.

    :raises ServerNotStartedError: with the end of the log
    """
    log = home / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command,
            cwd=home,
            **as_whom,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,  # Ctrl-C is for pytest, which then stops the server in good order
            preexec_fn=die_with_parent,  # noqa: PLW1509  # no thread runs yet in the process that starts the tests
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0 and ready in log.read_text(errors="replace"):
                return process
        time.sleep(0.05)
    process.kill()
    process.wait()
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-_LINES_OF_LOG:])
    raise ServerNotStartedError(f"{command[0]} did not take connections within {START_TIMEOUT_S:g} s:\n{tail}")


def die_with_parent() -> None:
    """Have the kernel end this process with its parent: even a killed pytest leaves no server behind (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
