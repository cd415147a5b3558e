"""Pending deliveries of real events to the status view, and the relays that deliver them."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from apps.status_view.models import RentalStatus
from bench.dataset import MANAGERS, Template, empty, insert, last_seq, settle, write_deliveries
from bench.market import running
from deploy.client import RENTERS
from deploy.servers.process import ServerProcess
from deploy.servers.waiting import wait_until
from gdmarket import bus
from gdmarket.bus.models import Delivery, Event, Subscription

STUCK_LANES = ("rental:stuck-1", "rental:stuck-2")
_WARM_UP_S = 2.0


class Backlog:
    """A number of pending deliveries."""

    def __init__(self, *, deliveries: int, folder: Path) -> None:
        """Make the template, and remove every subscriber but the status view."""
        self.deliveries, self.folder = deliveries, folder
        self.template = Template()
        bus.run_until_idle()
        Subscription.objects.exclude(subscriber="status_view").delete()
        types = list(Subscription.objects.filter(subscriber="status_view").values_list("type", flat=True))
        column = self.template.log.columns.index("type")
        self._a_copy = sum(row.values[column] in types for row in self.template.log.rows)

    def refill(self) -> None:
        """Replace the log and the view by `deliveries` pending deliveries of new rentals."""
        self.clear()
        self.top_up()
        settle("bus_delivery", "bus_event", "status_view_rentalstatus")

    def clear(self) -> None:
        """Delete all deliveries, events and rentals of the view."""
        empty(Delivery, Event, RentalStatus)

    def top_up(self) -> None:
        """Add items until `deliveries` are pending, not counting stuck ones."""
        missing = self.deliveries - pending()
        if missing > 0:
            after_seq = last_seq()
            copies = self.template.copies(number=-(-missing // self._a_copy), renters=RENTERS, managers=MANAGERS)
            insert(self.template.log, self.template.events(copies))
            write_deliveries(after_seq=after_seq)

    def throughput(self, *, relays: int, seconds: float) -> float:
        """Return deliveries per second by this many relays, from a full backlog."""
        self.refill()
        with self.relays(relays):
            return rate(seconds=seconds)

    @contextmanager
    def relays(self, number: int) -> Iterator[list[ServerProcess]]:
        """Run relays for the length of the block; gives their processes once they have warmed up."""
        with ExitStack() as stack:
            before = pending()
            processes = [
                stack.enter_context(
                    running(
                        "manage.py", "relay", "--with-parent", str(os.getpid()), folder=self.folder, name=f"relay-{each}-{time.time_ns()}"
                    )
                )
                for each in range(number)
            ]
            for process in processes:
                process.wait_until_ready(lambda process=process: process.log.stat().st_size > 0)  # type: ignore[misc]  # one each
            if before:
                wait_until(lambda: pending() != before, "the relays to deliver")
            time.sleep(_WARM_UP_S)
            yield processes

    def __str__(self) -> str:
        """Describe its size."""
        return f"{self.deliveries} pending deliveries, {self.template.rentals} rentals an item"


def pending() -> int:
    """Return how many deliveries are pending, not counting the stuck lanes."""
    return Delivery.objects.exclude(lane__in=STUCK_LANES).count()


def rate(*, seconds: float) -> float:
    """Return deliveries per second from now on, for `seconds` or until none is left."""
    began_at, began_with = time.perf_counter(), pending()
    at, left = began_at, began_with
    while left and at - began_at < seconds:
        time.sleep(seconds / 4)  # seldom: counting slows down what is measured
        at, left = time.perf_counter(), pending()
    return (began_with - left) / (at - began_at)
