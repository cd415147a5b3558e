"""How gunicorn serves (`gunicorn -c python:config.server config.wsgi`), and what runs beside it in one process tree.

The relay and the hourly reconciliation are children of gunicorn's master where GDMARKET_RELAY is "beside" (`./dev run`, one machine):
started with it, started again within a second when they die, stopped with it, and gone by themselves when the master is killed. On a
cluster relays are pods of their own, and the reconciliation a job.
"""

import os
import signal
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from types import FrameType

from environs import Env, EnvError, validate
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from config import logs

env = Env(eager=False)
#: The address to listen on; `0.0.0.0` in the container image.
HOST = env.str("GDMARKET_HOST", "127.0.0.1")
#: The port to listen on.
PORT = env.int("GDMARKET_PORT", 8000, validate=validate.Range(1, 65535))
_ROOT = Path(__file__).resolve().parent.parent
_CHECK_S = 1.0
_STOP_S = 20.0
_RELAY = ("relay",)
_RECONCILE = ("reconcile_payments", "--every", "3600", "--days", "30", "--older-than", "60")

# -- gunicorn's own settings, under gunicorn's own names ----------------------------------------------------------------------------
bind = f"{HOST}:{PORT}"
worker_class = "gthread"
#: Processes that answer requests.
workers = env.int("GDMARKET_WORKERS", 1, validate=validate.Range(min=1))
#: Threads in each.
threads = env.int("GDMARKET_THREADS", 16, validate=validate.Range(min=1))
timeout = 8  # a worker that is silent for so long is killed and replaced, within 15 s in all; a slow request does not make it silent
graceful_timeout = 25  # and what runs beside has _STOP_S more: a cluster must wait for longer before it kills
keepalive = 30
chdir = str(_ROOT)
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # the heartbeat file must not wait for a disk
loglevel = env.str("GDMARKET_LOG_LEVEL", "INFO").lower()
logconfig_dict = logs.settings_for_gunicorn(
    form=env.str("GDMARKET_LOG_FORMAT", "text", validate=validate.OneOf(["text", "json"])), level=loglevel
)

# It must be known before prometheus_client is imported.
#: A folder where the server's processes put what they count, so that each can tell it of all; in memory, where that is to be had.
_COUNTS = Path(
    os.environ.get("PROMETHEUS_MULTIPROC_DIR") or Path(worker_tmp_dir or tempfile.gettempdir()) / f"gdmarket-{os.getuid()}-{PORT}"
)
_COUNTS.mkdir(mode=0o700, parents=True, exist_ok=True)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_COUNTS)

try:
    env.seal()
except EnvError as wrong:
    sys.exit(f"The settings are not right: {wrong}")

# Static files that nobody collected are served from where they lie: whitenoise need not complain that their folder is not there.
warnings.filterwarnings("ignore", message="No directory at", category=UserWarning)


class _Beside:
    """The process of a management command that runs on and on."""

    def __init__(self, *command: str) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def keep(self) -> None:
        """Start it where it does not run."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, str(_ROOT / "manage.py"), *self._command, "--with-parent", str(os.getpid())],
                env=_environment_beside(self._command),
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for gunicorn, which stops the relay last, when nothing is published any more
            )

    def tell_to_stop(self) -> None:
        """Let it finish what it has in hand."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def see_off(self) -> None:
        """Make sure that it is gone."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _environment_beside(command: tuple[str, ...]) -> dict[str, str]:
    """Return what a process beside the server knows: its counts are among the server's, unless it has a port to tell them itself."""
    tells_itself = command == _RELAY and os.environ.get("GDMARKET_RELAY_PORT", "0") != "0"
    return {name: value for name, value in os.environ.items() if not (tells_itself and name == "PROMETHEUS_MULTIPROC_DIR")}


_beside = (_Beside(*_RELAY), _Beside(*_RECONCILE))


def _keep_all(_signal: int = 0, _frame: FrameType | None = None) -> None:
    for command in _beside:
        command.keep()


def _empty_counts() -> None:
    """Forget what the processes of an earlier start counted."""
    for file in _COUNTS.glob("*.db"):
        file.unlink()


def when_ready(_server: Arbiter) -> None:
    """Begin to count anew, the port being ours by now; then start what runs beside, and look after it by a timer.

    A thread would not go well with the master's forks.
    """
    _empty_counts()
    #: `beside`: the server starts a relay, restarts it when it dies, and stops it last. `./dev run` sets this. Otherwise run `manage.py
    #: relay` yourself.
    if os.environ.get("GDMARKET_RELAY") == "beside":
        _keep_all()
        signal.signal(signal.SIGALRM, _keep_all)
        signal.setitimer(signal.ITIMER_REAL, _CHECK_S, _CHECK_S)


def post_worker_init(worker: Worker) -> None:
    """Say where the market is, once it answers."""
    if worker.age == 1:
        #: What to print once the server answers. `./dev run` sets this.
        print(os.environ.get("GDMARKET_WELCOME", ""), end="", flush=True)  # noqa: T201  # a person waits


def child_exit(_server: Arbiter, worker: Worker) -> None:
    """Count what a worker had under way no longer; what it had done stays."""
    from prometheus_client import multiprocess  # noqa: PLC0415  # it reads where the counts are when it is imported

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # it has no types


def on_exit(_server: Arbiter) -> None:
    """Stop what runs beside after the last worker."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    for command in _beside:
        command.tell_to_stop()
    for command in _beside:
        command.see_off()
