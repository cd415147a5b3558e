"""`./dev cluster`: gateway, servers, relay, PostgreSQL, payment provider and the hourly reconciliation, until Ctrl-C."""

import os
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from pathlib import Path

from deploy.local.cluster import Cluster, open_cluster
from deploy.report import progress
from deploy.servers.ports import is_port_free

_WELCOME = """
The market is open at {address}

  API docs     {address}/api/v1/docs
  Admin        {address}/admin/          manager@example.com, operator@example.com; password gdmarket-demo
  Logs         {folder}
  Database     {database}
  Provider     {provider}, its faults: http://127.0.0.1:{faults}/v1/faults

  The processes, and how to inject a fault; each is started again.
{processes}
    kill -9 -- -PID     kill the process group       kill -STOP -- -PID     freeze it

  Ctrl-C stops everything.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what `./dev cluster` takes."""
    parser.add_argument("--web", type=int, default=2, help="how many servers (default: 2)")
    parser.add_argument("--port", type=int, default=8000, help="where the gateway listens, on this machine alone (default: 8000)")


def run(options: Namespace) -> int:
    """Run until Ctrl-C."""
    if not is_port_free(options.port):
        sys.exit(f"Port {options.port} is taken: choose another with --port.")
    progress("Starting PostgreSQL, the provider, the relay, the servers and the gateway …")
    try:
        with ExitStack() as stack:
            settings = {"DATABASE_URL": os.environ.get("DATABASE_URL", "")}
            cluster = stack.enter_context(
                open_cluster(folder=_folder(stack), port=options.port, webs=options.web, settings=settings, report=progress)
            )
            print(_welcome(cluster), flush=True)
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        progress("Stopped.")
        return 0


def _folder(stack: ExitStack) -> Path:
    if given := os.environ.get("GDMARKET_DATA_DIR"):
        folder = Path(given).absolute() / "cluster"
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gdmarket-cluster-")))


def _welcome(cluster: Cluster) -> str:
    supervisors = [*(web.supervisor for web in cluster.webs), *([cluster.relay] if cluster.relay else []), *cluster.others]
    return _WELCOME.format(
        address=f"http://127.0.0.1:{cluster.port}",
        folder=cluster.folder,
        database=cluster.database_url,
        provider=cluster.provider.url,
        faults=cluster.provider.control_port,
        processes="\n".join(f"    {each.name:<12} PID {each.pid:<8} port {each.live_port or '-'}" for each in supervisors),
    )
