"""gunicorn's settings (`gunicorn -c python:config.server config.wsgi`), and the sidecar processes of its master.

If GDMARKET_RELAY is "beside" (`./dev run`, one machine), the relay is a child of gunicorn's master: started with it, restarted within a
second when it dies, stopped after its workers. The reconciliation is forked once an hour and ends, so that it takes no memory in between.
Both end by themselves if the master is killed. On a cluster relays are pods of their own, and the reconciliation is a job.
"""

import gc
import os
import signal
import sys
import tempfile
import warnings
from importlib import import_module
from pathlib import Path
from types import FrameType

from environs import Env, EnvError, validate
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from config import exposure, logs
from config.sidecars import Sidecar

env = Env(eager=False)
#: The address to listen on; `0.0.0.0` in the container image.
HOST = env.str("GDMARKET_HOST", "127.0.0.1")
#: The port to listen on.
PORT = env.int("GDMARKET_PORT", 8000, validate=validate.Range(1, 65535))
_ROOT = Path(__file__).resolve().parent.parent
_CHECK_S = 1.0

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
graceful_timeout = 25  # DRAIN_S included; sidecars have 20 s more: a cluster's grace period must be longer than both
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

_WITH_PARENT = ("--with-parent", str(os.getpid()))
_sidecars = (
    Sidecar("relay", *_WITH_PARENT),
    # The first one leaves the machine to the start of the server.
    Sidecar("reconcile_payments", "--days", "30", "--older-than", "60", *_WITH_PARENT, after_s=10.0, every_s=3600.0),
)


def on_starting(server: Arbiter) -> None:
    """Refuse to start insecurely, before the port is bound; then load the application, once for all workers, which share its memory."""
    from django.conf import settings  # noqa: PLC0415  # gunicorn reads this module before Django may be set up

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # Where it really listens: the command line and GUNICORN_CMD_ARGS may name other addresses than GDMARKET_HOST.
    hosts = [address[0] for address in server.cfg.address if isinstance(address, tuple)]
    if refused := exposure.refusal(settings, hosts=hosts):
        sys.exit(refused)
    server.app.wsgi()  # `preload_app` would load it before this function could refuse
    import_module(settings.ROOT_URLCONF)  # else the first request of each worker would
    if settings.GDMARKET_PAYMENT_GATEWAY != "sandbox":
        import_module("apps.payments.gateways.deadline_http")  # else the first payment would
    gc.freeze()  # a collection writes into each object that it looks at, and what is written is not shared any more


def when_ready(server: Arbiter) -> None:
    """Reset the metrics, now that the port is bound; start the sidecars, and supervise them by a timer: threads and forks do not mix."""
    for file in _COUNTS.glob("*.db"):
        file.unlink()
    #: `beside`: the server starts a relay, restarts it when it dies, and stops it last. `./dev run` sets this. Otherwise run `manage.py
    #: relay` yourself.
    if os.environ.get("GDMARKET_RELAY") == "beside":

        def supervise(_signal: int = 0, _frame: FrameType | None = None) -> None:
            for sidecar in _sidecars:
                sidecar.ensure_running(listeners=server.LISTENERS)

        supervise()
        signal.signal(signal.SIGALRM, supervise)
        signal.setitimer(signal.ITIMER_REAL, _CHECK_S, _CHECK_S)


def post_fork(server: Arbiter, worker: Worker) -> None:
    """Let the worker know what it is told before it listens, which gunicorn forgets: it would go on until it is killed."""
    worker.since_fork = server.SIG_QUEUE


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
