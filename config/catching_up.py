"""Making up for what a version of the product left undone that did not know of it yet, across contexts.

Old processes serve beside new ones during an upgrade, so that this is done when the database is migrated, and again when the last of them
has ended. It can be repeated at any time.
"""

from collections.abc import Callable, Iterator
from uuid import UUID

from apps.accounts import facade as accounts
from apps.items import facade as items
from apps.rentals import facade as rentals
from gdmarket import clock

Page = Callable[[UUID | None], list[UUID]]


def catch_up() -> dict[str, int]:
    """Do what is left undone, and return how many of each that was.

    `managers`: nobody was told that they are suspended, or are no longer. `listings`: rentals did not know what the item is. `places`: of
    items, that were not blurred. `ends`: of the periods of paid rentals, for which nothing may wait.
    """
    done = {"managers": 0, "listings": 0, "places": 0, "ends": 0}
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
    return done


def _pages(page: Page) -> Iterator[list[UUID]]:
    ids = page(None)
    while ids:
        yield ids
        ids = page(ids[-1])
