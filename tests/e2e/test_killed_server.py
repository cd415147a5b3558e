"""A server killed at any moment: what it acknowledged is kept, and a repeated request takes effect once."""

import http.client
import json
import random
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from typing import Any

import psutil
import pytest

from apps.accounts import services as accounts
from apps.items import services as items
from apps.payments.models import Payment
from apps.rentals.models import Rental
from apps.status_view.models import RentalStatus
from deploy.servers.waiting import wait_until
from gdmarket import bus, clock
from gdmarket.ids import uuid7
from tests.acceptance.conftest import DRILL
from tests.e2e.served import PATIENCE_S, Served
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.nightly("sqlite")  # slow: by day on PostgreSQL alone

KILLS = 4


def post(served: Served, path: str, body: dict[str, Any], **headers: str) -> tuple[int, dict[str, Any]]:
    """POST as a renter's app would; the status is 0 if there was no response."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{served.port}/api/v1{path}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)
    except (OSError, http.client.HTTPException):
        return 0, {}


def worker(served: Served) -> psutil.Process:
    """Return the worker process."""
    wait_until(served.workers, "a worker")
    return served.workers()[0]


def post_until_answered(served: Served, body: dict[str, Any], **headers: str) -> tuple[int, dict[str, Any]]:
    """Repeat a request with its key until the response is final."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        status, answer = post(served, "/rentals", body, **headers)
        if status not in {0, 503} and answer.get("code") != "request_in_progress":
            return status, answer
        assert time.monotonic() < deadline, (status, answer)
        time.sleep(0.2)


def test_a_request_repeated_after_a_kill_is_done_once(served: Served) -> None:
    manager, renter = UserFactory(item_manager=True), UserFactory()
    catalogue = [items.register_item(item_id=uuid7(), manager_id=manager.id, now=clock.now(), **DRILL) for _ in range(KILLS)]
    bus.run_until_idle()
    access = accounts.issue_tokens(user=renter, now=clock.now()).access
    moments = random.Random(7)
    answers = []

    for item in catalogue:
        victim = worker(served)
        timer = threading.Timer(moments.uniform(0.0, 0.08), victim.kill)
        timer.start()
        body = {"item": str(item.id), "payment_method": "pm_ok"}
        headers = {"Authorization": f"Bearer {access}", "Idempotency-Key": str(uuid7())}
        answers.append(post_until_answered(served, body, **headers))
        timer.join()
        assert post(served, "/rentals", body, **headers) == answers[-1]

    wait_until(lambda: not Rental.objects.filter(state="paying").exists(), "every outcome")
    assert {status for status, _ in answers} <= {201, 202}
    # Killed after it had recorded the payment and before it called the provider: not charged, and the renter may try again.
    for rental in Rental.objects.exclude(state="paid"):
        assert (rental.state, rental.payment_state) == ("requested", "not_sent")
        assert 202 in {status for status, answer in answers if answer["id"] == str(rental.id)}
        answered = post(served, f"/rentals/{rental.id}/payment", {"payment_method": "pm_ok"}, Authorization=f"Bearer {access}")
        assert (answered[0], answered[1]["state"]) == (200, "paid")
    assert sorted(answer["id"] for _, answer in answers) == sorted(str(rental.id) for rental in Rental.objects.all())
    approved = Counter(Payment.objects.filter(state="approved").values_list("rental_id", flat=True))
    assert approved == Counter(Rental.objects.values_list("id", flat=True))
    wait_until(lambda: set(RentalStatus.objects.values_list("state", flat=True)) == {"paid"}, "the status view to catch up")
