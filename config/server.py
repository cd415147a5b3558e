"""gunicorn's settings (`gunicorn -c python:config.server config.wsgi`), and the sidecar processes of its master.

If GDMARKET_RELAY is "beside" (`./dev run`, one machine), the relay and the hourly reconciliation are children of gunicorn's master: started
with it, restarted within a second when they die, stopped after its workers. They end by themselves if the master is killed. On a cluster
relays are pods of their own, and the reconciliation is a job.
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

from config import exposure, logs

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
worker_class = "config.worker.DrainingWorker"
#: Processes that answer requests.
workers = env.int("GDMARKET_WORKERS", 1, validate=validate.Range(min=1))
#: Threads in each.
threads = env.int("GDMARKET_THREADS", 16, validate=validate.Range(min=1))
#: For so many seconds after SIGTERM the server goes on serving and is not ready, so that gateways which check readiness stop sending it
#: requests before it refuses them; `deploy/gateway` needs 4. Needless where the gateway is told first, as on Kubernetes.
DRAIN_S = env.int("GDMARKET_DRAIN_S", 0, validate=validate.Range(0, 10))
timeout = 8  # a worker without a heartbeat for so long is killed and replaced, within 15 s in all; a slow request does not stop it
graceful_timeout = 25  # DRAIN_S included; sidecars have _STOP_S more: a cluster's grace period must be longer than both
keepalive = 30
chdir = str(_ROOT)
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # the heartbeat file must not wait for a disk
loglevel = env.str("GDMARKET_LOG_LEVEL", "INFO").lower()
logconfig_dict = logs.settings_for_gunicorn(
    form=env.str("GDMARKET_LOG_FORMAT", "text", validate=validate.OneOf(["text", "json"])), level=loglevel
)

# It must be set before prometheus_client is imported.
#: A folder where the server's processes keep their metrics, so that each can serve those of all; in memory, if possible.
_COUNTS = Path(
    os.environ.get("PROMETHEUS_MULTIPROC_DIR") or Path(worker_tmp_dir or tempfile.gettempdir()) / f"gdmarket-{os.getuid()}-{PORT}"
)
_COUNTS.mkdir(mode=0o700, parents=True, exist_ok=True)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_COUNTS)

try:
    env.seal()
except EnvError as wrong:
    sys.exit(f"The settings are not right: {wrong}")

# Static files that were not collected are served from the source tree: whitenoise need not warn that their folder is missing.
warnings.filterwarnings("ignore", message="No directory at", category=UserWarning)


class _Sidecar:
    """A management command that runs as long as the server."""

    def __init__(self, *command: str) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def ensure_running(self) -> None:
        if self._process is None or self._process.poll() is not None:
            environment = dict(os.environ)
            if self._command == _RELAY and environment.get("GDMARKET_RELAY_PORT", "0") != "0":
                environment.pop("PROMETHEUS_MULTIPROC_DIR")  # it serves its metrics itself; the server serves the others'
            self._process = subprocess.Popen(
                [sys.executable, str(_ROOT / "manage.py"), *self._command, "--with-parent", str(os.getpid())],
                env=environment,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for gunicorn, which stops the relay last, after the last publish
            )

    def terminate(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait(self) -> None:
        """Wait until it has finished its batch, and kill it after `_STOP_S`."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_sidecars = (_Sidecar(*_RELAY), _Sidecar(*_RECONCILE))


def _supervise(_signal: int = 0, _frame: FrameType | None = None) -> None:
    for sidecar in _sidecars:
        sidecar.ensure_running()


def on_starting(server: Arbiter) -> None:
    """Refuse to start insecurely, before the port is bound."""
    from django.conf import settings  # noqa: PLC0415  # gunicorn reads this module before Django may be set up

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # Where it really listens: the command line and GUNICORN_CMD_ARGS may name other addresses than GDMARKET_HOST.
    hosts = [address[0] for address in server.cfg.address if isinstance(address, tuple)]
    if refused := exposure.refusal(settings, hosts=hosts):
        sys.exit(refused)


def when_ready(_server: Arbiter) -> None:
    """Reset the metrics, now that the port is bound; start the sidecars, and supervise them by a timer: threads and forks do not mix."""
    for file in _COUNTS.glob("*.db"):
        file.unlink()
    #: `beside`: the server starts a relay, restarts it when it dies, and stops it last. `./dev run` sets this. Otherwise run `manage.py
    #: relay` yourself.
    if os.environ.get("GDMARKET_RELAY") == "beside":
        _supervise()
        signal.signal(signal.SIGALRM, _supervise)
        signal.setitimer(signal.ITIMER_REAL, _CHECK_S, _CHECK_S)


def post_worker_init(worker: Worker) -> None:
    """Print the welcome once the first worker serves."""
    if worker.age == 1:
        #: A text to print once the server answers. `./dev run` sets this.
        print(os.environ.get("GDMARKET_WELCOME", ""), end="", flush=True)  # noqa: T201  # a person waits


def child_exit(_server: Arbiter, worker: Worker) -> None:
    """Drop the gauges of a worker that ended; its counters remain."""
    from prometheus_client import multiprocess  # noqa: PLC0415  # it reads PROMETHEUS_MULTIPROC_DIR when it is imported

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # it has no types


def on_exit(_server: Arbiter) -> None:
    """Stop the sidecars after the last worker."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    for sidecar in _sidecars:
        sidecar.terminate()
    for sidecar in _sidecars:
        sidecar.wait()
