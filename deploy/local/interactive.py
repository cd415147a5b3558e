"""`./dev cluster`: gateway, servers, relay, PostgreSQL, payment provider and the hourly reconciliation, until Ctrl-C."""

import os
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from pathlib import Path

from deploy.local.cluster import Cluster, open_cluster
from deploy.servers.ports import is_port_free

_WELCOME = """
The market is open at {address}

  API docs     {address}/api/v1/docs
  Admin        {address}/admin/          manager@example.com, operator@example.com; password gdmarket-demo
  Logs         {folder}
  Database     {database}
  Provider     {provider}, what goes wrong there: http://127.0.0.1:{faults}/v1/faults

  Who runs, and how to fault it: all of it comes back by itself.
{processes}
    kill -9 -- -PID     the whole process group dies       kill -STOP -- -PID     it is there, and does nothing

  Ctrl-C stops everything.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev cluster` takes."""
    parser.add_argument("--web", type=int, default=2, help="how many servers (default: 2)")
    parser.add_argument("--port", type=int, default=8000, help="where the gateway listens, on this machine alone (default: 8000)")


def run(options: Namespace) -> int:
    """Stay until Ctrl-C."""
    if not is_port_free(options.port):
        sys.exit(f"Port {options.port} is taken: choose another with --port.")
    print("Starting PostgreSQL, the provider, the relay, the servers and the gateway …", file=sys.stderr)
    try:
        with ExitStack() as stack:
            folder = _folder(stack)
            cluster = stack.enter_context(
                open_cluster(folder=folder, port=options.port, webs=options.web, settings=_settings(), tell=_tell)
            )
            print(_welcome(cluster), flush=True)
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 0


def _folder(stack: ExitStack) -> Path:
    if given := os.environ.get("GDMARKET_DATA_DIR"):
        folder = Path(given).absolute() / "cluster"
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gdmarket-cluster-")))


def _settings() -> dict[str, str]:
    return {"DATABASE_URL": os.environ.get("DATABASE_URL", "")}


def _welcome(cluster: Cluster) -> str:
    supervisors = [*(web.supervisor for web in cluster.webs), *([cluster.relay] if cluster.relay else []), *cluster.others]
    rows = [f"    {supervisor.job.name:<12} PID {supervisor.pid:<8} port {supervisor.job.live_port or '-'}" for supervisor in supervisors]
    return _WELCOME.format(
        address=f"http://127.0.0.1:{cluster.port}",
        folder=cluster.folder,
        database=cluster.database_url,
        provider=cluster.fake.url,
        faults=cluster.fake.control_port,
        processes="\n".join(rows),
    )


def _tell(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)
