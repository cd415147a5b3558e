"""The provider's own list tells every charge in a window of time, once, with what was given back of it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from apps.payments.gateways.port import Intent, Listed, Page
from gdmarket import ids
from tests.unit.payments.contract.bench import AMPLE_S, Bench, Feature

MOMENT = timedelta(seconds=1)


def pages(bench: Bench, since: datetime, until: datetime) -> Iterator[Page]:
    cursor = ""
    while True:
        page = bench.gateway.list_charges(since=since, until=until, cursor=cursor, deadline_s=AMPLE_S)
        yield page
        if not page.cursor:
            return
        cursor = page.cursor


def listed(bench: Bench, since: datetime, until: datetime) -> list[Listed]:
    return [charge for page in pages(bench, since, until) for charge in page.charges]


def charged(bench: Bench, number: int) -> list[Intent]:
    intents = [bench.intent(amount=1_000 + place) for place in range(number)]
    with ThreadPoolExecutor(max_workers=8) as threads:
        list(threads.map(bench.charge, intents))
    return intents


@pytest.mark.needs(Feature.OWN_KEYS)
def test_a_list_tells_what_was_charged_and_given_back_and_nothing_else(bench: Bench) -> None:
    since = bench.now()
    kept, given_back = charged(bench, 2)
    bench.gateway.refund(intent=given_back, refund_key=ids.uuid7(), amount=400, deadline_s=AMPLE_S)
    bench.charge(bench.intent(method=bench.bad_method))
    bench.void(bench.intent())

    told = {charge.key: charge.entry for charge in listed(bench, since, bench.now() + MOMENT)}

    assert told == {intent.key: bench.lookup(intent) for intent in (kept, given_back)}
    assert told[given_back.key].refunded == 400


def test_a_list_longer_than_a_page_is_told_to_its_end(bench: Bench) -> None:
    since = bench.now()
    intents = charged(bench, bench.page + 5)

    found = list(pages(bench, since, bench.now() + MOMENT))

    assert [len(page.charges) for page in found] == [bench.page, 5]
    references = [charge.entry.reference for page in found for charge in page.charges]
    assert sorted(references) == sorted(bench.lookup(intent).reference for intent in intents)


def test_windows_that_touch_share_no_charge_and_miss_none(bench: Bench) -> None:
    since = bench.now()
    intents = charged(bench, 20)
    until = bench.now() + MOMENT
    step = (until - since) / 25
    bounds = [since + step * place for place in range(25)] + [until]

    references = [charge.entry.reference for start, end in pairwise(bounds) for charge in listed(bench, start, end)]

    assert sorted(references) == sorted(bench.lookup(intent).reference for intent in intents)


def test_a_window_in_which_nothing_was_charged_is_empty(bench: Bench) -> None:
    charged(bench, 1)
    now = bench.now() + MOMENT
    assert list(pages(bench, now, now + MOMENT)) == [Page(charges=())]
    assert list(pages(bench, now - MOMENT, now - MOMENT)) == [Page(charges=())]
