"""How gunicorn serves (`gunicorn -c python:config.server config.wsgi`), and the relay that runs beside it in one process tree.

The relay is a child of gunicorn's master where GDMARKET_RELAY is "beside" (`./dev run`, one machine): started with it, started again
within a second when it dies, stopped with it, and gone by itself when the master is killed. On a cluster relays are pods of their own.
"""

import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from types import FrameType

from environs import Env, EnvError, validate
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

env = Env(eager=False)
HOST = env.str("GDMARKET_HOST", "127.0.0.1")
PORT = env.int("GDMARKET_PORT", 8000, validate=validate.Range(1, 65535))
_ROOT = Path(__file__).resolve().parent.parent
_RELAY_CHECK_S = 1.0
_RELAY_STOP_S = 20.0

# -- gunicorn's own settings, under gunicorn's own names ----------------------------------------------------------------------------
bind = f"{HOST}:{PORT}"
worker_class = "gthread"
workers = env.int("GDMARKET_WORKERS", 1, validate=validate.Range(min=1))
threads = env.int("GDMARKET_THREADS", 16, validate=validate.Range(min=1))
graceful_timeout = 25  # a cluster kills after 30 s
keepalive = 30
chdir = str(_ROOT)
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # the heartbeat file must not wait for a disk
loglevel = os.environ.get("GDMARKET_LOG_LEVEL", "info").lower()

try:
    env.seal()
except EnvError as wrong:
    sys.exit(f"The settings are not right: {wrong}")

# Static files that nobody collected are served from where they lie: whitenoise need not complain that their folder is not there.
warnings.filterwarnings("ignore", message="No directory at", category=UserWarning)


class _RelayBeside:
    """The relay's process."""

    process: subprocess.Popen[bytes] | None = None

    def keep(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Start the relay where it does not run."""
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                [sys.executable, str(_ROOT / "manage.py"), "relay", "--with-parent", str(os.getpid())],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for gunicorn, which stops the relay last, when nothing is published any more
            )

    def stop(self) -> None:
        """Let the relay finish the run in hand, then make sure that it is gone."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=_RELAY_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


_relay = _RelayBeside()


def when_ready(_server: Arbiter) -> None:
    """Start the relay, and look after it by a timer: a thread would not go well with the master's forks."""
    if os.environ.get("GDMARKET_RELAY") == "beside":
        _relay.keep()
        signal.signal(signal.SIGALRM, _relay.keep)
        signal.setitimer(signal.ITIMER_REAL, _RELAY_CHECK_S, _RELAY_CHECK_S)


def post_worker_init(worker: Worker) -> None:
    """Say where the market is, once it answers."""
    if worker.age == 1:
        print(os.environ.get("GDMARKET_WELCOME", ""), end="", flush=True)  # noqa: T201  # a person waits


def on_exit(_server: Arbiter) -> None:
    """Stop the relay after the last worker."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    _relay.stop()
