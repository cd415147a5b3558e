"""Single steps: each line of standard input is one, done by a process of its own, which may crash at a failpoint.

A line is JSON, `{"step": "cancel", "crash_at": "payments.refund.answered", "rental_id": …}`; its answer is the exit code.
"""

import os
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import django
import msgspec

django.setup()

from django.db import connections  # noqa: E402  # Django first

from apps.payments.services import reconciling  # noqa: E402
from apps.rentals.services import cancelling  # noqa: E402
from gdmarket import bus, clock  # noqa: E402
from gdmarket.bus.models import Delivery  # noqa: E402
from gdmarket.errors import DomainError  # noqa: E402
from tests.chaos.money import renters  # noqa: E402

# After this no payment counts as still in flight.
_LATER = timedelta(minutes=1)


def _request(*, rental_id: str, item_id: str, renter_id: str, starts_at: str, method: str) -> None:
    renters.request(
        rental_id=UUID(rental_id),
        item_id=UUID(item_id),
        renter_id=UUID(renter_id),
        starts_at=datetime.fromisoformat(starts_at),
        method=method,
    )


def _cancel(*, rental_id: str, renter_id: str) -> None:
    cancelling.cancel_rental(rental_id=UUID(rental_id), by=UUID(renter_id), now=clock.now())


def _deliver() -> None:
    """Deliver what waits for a retry or for the lease of a dead process; not timers."""
    Delivery.objects.exclude(lane__contains="timer").filter(event__due_at=None).update(not_before=clock.now() - _LATER)
    bus.run_until_idle()


def _reconcile() -> None:
    for _ in reconciling.reconcile_payments(now=clock.now() + _LATER):
        pass


_STEPS: Mapping[str, Callable[..., None]] = {"request": _request, "cancel": _cancel, "deliver": _deliver, "reconcile": _reconcile}


def _run(order: dict[str, Any]) -> int:
    """Do a step in a process of its own; return its exit code."""
    connections.close_all()
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        os.environ["GDMARKET_CRASH_AT"] = order.pop("crash_at", None) or ""
        _STEPS[order.pop("step")](**order)
        code = 0
    except DomainError:
        code = 0  # a refusal is an answer
    finally:
        connections.close_all()
        os._exit(code)


def main() -> None:
    for line in sys.stdin:
        print(_run(msgspec.json.decode(line)), flush=True)


if __name__ == "__main__":
    main()
