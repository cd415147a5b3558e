"""Filling in, across contexts, what processes of the version before leave out.

They serve beside new ones during an upgrade, so that this is done when the database is migrated, and again when the last of them has ended.
It can be repeated at any time: what is filled in is left alone.

`listings`, `places`, `ends` and `payments` may be dropped, with the facades' functions that nothing else calls, once no market runs a
version without this module. `categories` makes those of a new market. `managers` stays, for people are changed in the database by hand.
"""

from collections.abc import Callable, Iterator
from uuid import UUID

from apps.accounts import facade as accounts
from apps.items import facade as items
from apps.payments import facade as payments
from apps.rentals import facade as rentals
from gdmarket import clock

Page = Callable[[UUID | None], list[UUID]]


def catch_up() -> dict[str, int]:
    """Fill in what was left out, and return how many of each there were.

    `categories`: texts of items that were no category; in a market without items, the default categories. `managers`: item managers whose
    suspension or reinstatement was not published. `listings`: items whose description rentals did not have. `places`: items whose place was
    not blurred. `ends`: paid rentals that had no timer for the end of their period. `payments`: payments that did not name their item.
    """
    done = {"categories": items.create_missing_categories(), "managers": 0, "listings": 0, "places": 0, "ends": 0, "payments": 0}
    for page in _pages(lambda after: items.list_manager_ids(after=after)):
        done["managers"] += accounts.publish_standings(user_ids=page, now=clock.now())
    for page in _pages(lambda after: rentals.list_items_without_version(after=after)):
        for item in items.list_details(item_ids=page):
            rentals.backfill_listing_version(item=item)
            done["listings"] += 1
    for page in _pages(lambda after: items.list_unblurred(after=after)):
        done["places"] += items.blur_places(item_ids=page)
    for page in _pages(lambda after: rentals.list_started_unfetched(after=after)):
        done["ends"] += rentals.schedule_period_ends(rental_ids=page, now=clock.now())
    for page in _pages(lambda after: payments.list_rentals_without_item(after=after)):
        done["payments"] += payments.record_items(items=rentals.list_item_ids(rental_ids=page))
    return done


def _pages(page: Page) -> Iterator[list[UUID]]:
    ids = page(None)
    while ids:
        yield ids
        ids = page(ids[-1])
