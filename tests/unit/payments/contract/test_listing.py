"""The provider's own list tells every charge in a window of time, once, with what was given back of it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from apps.payments.contracts import ChargeRequest
from apps.payments.gateways.port import ChargePage, ListedCharge
from gdmarket import ids
from tests.unit.payments.contract.harness import AMPLE_S, AdapterHarness, Feature

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
def test_a_list_tells_what_was_charged_and_given_back_and_nothing_else(harness: AdapterHarness) -> None:
    since = harness.now()
    kept, given_back = charged(harness, 2)
    harness.gateway.refund(request=given_back, refund_key=ids.uuid7(), amount=400, deadline_s=AMPLE_S)
    harness.charge(harness.request(method=harness.bad_method))
    harness.void(harness.request())

    told = {charge.payment_id: charge.record for charge in listed(harness, since, harness.now() + MOMENT)}

    assert told == {wanted.payment_id: harness.lookup(wanted) for wanted in (kept, given_back)}
    assert told[given_back.payment_id].refunded == 400


def test_a_list_longer_than_a_page_is_told_to_its_end(harness: AdapterHarness) -> None:
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
