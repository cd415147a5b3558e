"""The provider's own list shows every charge in a window of time once, with what was refunded of it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from apps.payments.contracts import ChargeRequest
from apps.payments.gateways.port import ChargePage, ListedCharge
from tests.unit.payments.contract.harness import AdapterHarness, Feature
from tests.unit.payments.gateway_calls import AMPLE_S, refund

MOMENT = timedelta(seconds=1)


def pages(harness: AdapterHarness, since: datetime, until: datetime) -> Iterator[ChargePage]:
    cursor = ""
    while True:
        page = harness.gateway.list_charges(since=since, until=until, cursor=cursor, deadline_s=AMPLE_S)
        yield page
        if not page.cursor:
            return
        cursor = page.cursor


def listed(harness: AdapterHarness, since: datetime, until: datetime) -> list[ListedCharge]:
    return [charge for page in pages(harness, since, until) for charge in page.charges]


def charged(harness: AdapterHarness, number: int) -> list[ChargeRequest]:
    charge_requests = [harness.request(amount=1_000 + place) for place in range(number)]
    with ThreadPoolExecutor(max_workers=8) as threads:
        list(threads.map(harness.charge, charge_requests))
    return charge_requests


@pytest.mark.needs(Feature.OWN_KEYS)
def test_a_list_shows_charges_and_refunds_and_nothing_else(harness: AdapterHarness) -> None:
    since = harness.now()
    kept, refunded = charged(harness, 2)
    refund(harness.gateway, refunded, amount=400)
    harness.charge(harness.request(method=harness.bad_method))
    harness.void(harness.request())

    found = {charge.payment_id: charge.record for charge in listed(harness, since, harness.now() + MOMENT)}

    assert found == {wanted.payment_id: harness.lookup(wanted) for wanted in (kept, refunded)}
    assert found[refunded.payment_id].refunded == 400


def test_a_list_longer_than_a_page_is_read_to_its_end(harness: AdapterHarness) -> None:
    since = harness.now()
    charge_requests = charged(harness, harness.page + 5)

    found = list(pages(harness, since, harness.now() + MOMENT))

    assert [len(page.charges) for page in found] == [harness.page, 5]
    references = [charge.record.reference for page in found for charge in page.charges]
    assert sorted(references) == sorted(harness.lookup(wanted).reference for wanted in charge_requests)


def test_windows_that_touch_share_no_charge_and_miss_none(harness: AdapterHarness) -> None:
    since = harness.now()
    charge_requests = charged(harness, 20)
    until = harness.now() + MOMENT
    step = (until - since) / 25
    bounds = [since + step * place for place in range(25)] + [until]

    references = [charge.record.reference for start, end in pairwise(bounds) for charge in listed(harness, start, end)]

    assert sorted(references) == sorted(harness.lookup(wanted).reference for wanted in charge_requests)


def test_a_window_in_which_nothing_was_charged_is_empty(harness: AdapterHarness) -> None:
    charged(harness, 1)
    now = harness.now() + MOMENT
    assert list(pages(harness, now, now + MOMENT)) == [ChargePage(charges=())]
    assert list(pages(harness, now - MOMENT, now - MOMENT)) == [ChargePage(charges=())]
