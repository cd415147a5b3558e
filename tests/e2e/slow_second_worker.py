"""The server's settings, with a second worker that takes two seconds from its fork until it listens to signals."""

import time

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

from config import server
from config.server import *  # noqa: F403


def post_fork(arbiter: Arbiter, worker: Worker) -> None:  # type: ignore[no-redef]  # in place of the server's
    """Do as the server does, late."""
    if worker.age == 2:
        time.sleep(2)
    server.post_fork(arbiter, worker)
