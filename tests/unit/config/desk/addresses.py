"""Every address of the admin: what it is asked for with, and who is kept out. A new address is one more entry of `ADDRESSES`."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.urls import URLPattern, URLResolver, reverse
from django.utils.timezone import localtime

from apps.items.models import Category, Item, PickupPlace
from apps.items.services import places
from apps.payments.models import Payment, Posting, Refund
from apps.rentals.models import Block, Listing, Rental
from gdmarket import clock
from gdmarket.ids import uuid7
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory
from tests.factories.payments import PaymentFactory, RefundFactory
from tests.factories.rentals import RentalFactory


class Whose(Enum):
    """Who may ask: the one whose the row is and operators, operators alone, every manager for their own rows, all, or nobody."""

    OWNERS = "the owner's and operators'"
    OPERATORS = "operators'"
    OWN = "every manager's, of their own rows"
    ALL = "who is not signed in, too"
    NOBODY = "nobody's"


@dataclass(frozen=True, kw_only=True)
class Stock:
    """What a manager has; `names` are the texts that no other manager may read."""

    manager: Any
    renter: Any
    item: Item
    rental: Rental
    block: Block
    place: PickupPlace
    payment: Payment
    refund: Refund
    posting: Posting
    category: Category
    names: Sequence[str] = ("첫째의 드릴", "첫째의 가게", "첫째의 대여자")


Arguments = Callable[[Stock], Sequence[object]]
Form = Callable[[Stock], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Address:
    """How an address is asked for with a manager's rows: the arguments of its route, its query, and the form that the owner would send.

    `changes`: by that form the owner does change something, so that a refusal means something.
    """

    whose: Whose
    arguments: Arguments = field(default=lambda _stock: ())
    query: Callable[[Stock], str] = field(default=lambda _stock: "")
    form: Form = field(default=lambda _stock: {"post": "yes"})
    changes: bool = False

    def of(self, name: str, stock: Stock) -> str:
        """Return the address; `name` is the name of its URL, or its route where it has none."""
        arguments = iter(self.arguments(stock))
        if not re.fullmatch(r"[\w-]+", name):
            return "/admin/" + re.sub(r"<[^>]+>", lambda _part: str(next(arguments, "")), name) + self.query(stock)
        return reverse(f"admin:{name}", args=list(arguments)) + self.query(stock)


def make_stock() -> Stock:
    """Return a manager with one of everything."""
    manager: Any = UserFactory(item_manager=True)
    renter: Any = UserFactory(renter=True, display_name="첫째의 대여자")
    place = places.add_place(
        place_id=uuid7(), manager_id=manager.pk, now=clock.now(), name="첫째의 가게", address="", latitude=37.5, longitude=127.0
    )
    item = ItemFactory(manager_id=manager.pk, name="첫째의 드릴")
    Listing.objects.create(item_id=item.pk, manager_id=manager.pk, name=item.name, daily_price=8_000, currency="KRW", version=1)
    paid = {"renter_id": renter.pk, "manager_id": manager.pk, "state": "paid"}
    rental = RentalFactory(item_id=item.pk, item_name=item.name, **paid)
    days = {"starts_at": rental.ends_at, "ends_at": rental.ends_at + timedelta(days=1)}
    block = Block.objects.create(item_id=item.pk, manager_id=manager.pk, blocked_by=manager.pk, created_at=clock.now(), **days)
    payment = PaymentFactory(state="approved", rental_id=rental.pk, payee_id=manager.pk, item_id=item.pk)
    refund = RefundFactory(payment=payment, amount=100)
    category = Category.objects.earliest("position", "key")
    posting = Posting.objects.filter(payment=payment).earliest("posted_at", "id")
    return Stock(
        manager=manager,
        renter=renter,
        item=item,
        rental=rental,
        block=block,
        place=place,
        payment=payment,
        refund=refund,
        posting=posting,
        category=category,
    )


def list_names() -> Iterator[str]:
    """Yield what each address of the admin is called: the name of its URL, or its route where it has none."""
    patterns, _app, _namespace = admin.site.urls
    yield from _names(patterns, "")


def _names(patterns: Sequence[Any], under: str) -> Iterator[str]:
    for pattern in patterns:
        route = under + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _names(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield pattern.name or route


def _screen(name: str, row: Arguments, **special: Address) -> dict[str, Address]:
    """Return the addresses of a list and its rows' pages, as Django names them; `special` are those that are not the owner's."""
    pages = {
        "changelist": Address(whose=Whose.OWN, form=lambda stock: {"_selected_action": row(stock)}),
        "add": Address(whose=Whose.NOBODY),
        "change": Address(whose=Whose.OWNERS, arguments=row),
        "history": Address(whose=Whose.OWNERS, arguments=row),
        "delete": Address(whose=Whose.NOBODY, arguments=row),
    } | special
    redirect = f"{name.replace('_', '/', 1)}/<path:object_id>/"
    return {f"{name}_{page}": address for page, address in pages.items()} | {redirect: Address(whose=Whose.OWN, arguments=row)}


def _operators(name: str, row: Arguments, **special: Address) -> dict[str, Address]:
    pages = {page: Address(whose=Whose.OPERATORS, arguments=row) for page in ("change", "history")}
    return _screen(name, row, **{"changelist": Address(whose=Whose.OPERATORS), **pages, **special})


def _of_rental(**wishes: Any) -> Address:
    return Address(whose=Whose.OWNERS, arguments=lambda stock: [stock.rental.pk], **wishes)


def _moved(*, row: bool) -> Address:
    return Address(whose=Whose.OWN, arguments=lambda stock: [stock.item.pk] if row else [])


def _walk_in(_stock: Stock) -> dict[str, Any]:
    """Return a form that books two days after the stock's rental."""
    starts_at, ends_at = (f"{localtime(clock.now() + timedelta(days=days)):%Y-%m-%dT%H:%M}" for days in (3, 4))
    return {"rental_id": uuid7(), "step": "book", "starts_at": starts_at, "ends_at": ends_at, "renter_name": "둘째의 손님"}


_PLACE = {"latitude": "37.5", "longitude": "127.0"}
_ITEM = {"description": "", "category": "공구", "daily_price": "9000", "deposit": "0", "place": "성수역", **_PLACE}

ADDRESSES: dict[str, Address] = {
    "index": Address(whose=Whose.OWN),
    "login": Address(whose=Whose.ALL),
    "logout": Address(whose=Whose.ALL),
    "password_change": Address(whose=Whose.OWN),
    "password_change_done": Address(whose=Whose.OWN),
    "jsi18n": Address(whose=Whose.OWN),
    "autocomplete": Address(whose=Whose.OWN, query=lambda _: "?app_label=items&model_name=item&field_name=pickup_place&term=첫째"),
    "view_on_site": Address(whose=Whose.OWN, arguments=lambda stock: [ContentType.objects.get_for_model(Item).pk, stock.item.pk]),
    "app_list": Address(whose=Whose.OWN, arguments=lambda _: ["items"]),
    "(?P<url>.*)$": Address(whose=Whose.OWN),
    "desk_board": Address(whose=Whose.OWN, query=lambda stock: f"?manager={stock.manager.pk}&after={stock.item.pk}&q=첫째"),
    "desk_news": Address(whose=Whose.OWN, query=lambda _: "?since=2026-01-01T00:00:00Z"),
    "desk_system": Address(whose=Whose.OPERATORS),
    **{
        f"desk_income{page}": Address(whose=Whose.OWNERS, query=lambda stock: f"?manager={stock.manager.pk}&table=items")
        for page in ("", "_export_csv", "_export_xlsx")
    },
    **{f"status_view/{name}/": _moved(row=False) for name in ("rentalstatus", "itemstatus")},
    **{
        f"status_view/{name}/<uuid:row_id>/{page}/": _moved(row=True)
        for name in ("rentalstatus", "itemstatus")
        for page in ("change", "history")
    },
    **_screen(
        "items_item",
        lambda stock: [stock.item.pk],
        changelist=Address(whose=Whose.OWN, form=lambda stock: {"action": "withdraw", "_selected_action": [stock.item.pk]}),
        add=Address(whose=Whose.OWN),
        change=Address(
            whose=Whose.OWNERS,
            arguments=lambda stock: [stock.item.pk],
            form=lambda stock: {**_ITEM, "name": "둘째의 것", "seen_version": stock.item.version},
            changes=True,
        ),
    ),
    **{f"{rows}_export_{kind}": Address(whose=Whose.OWN) for rows in ("items_item", "rentals_rental") for kind in ("csv", "xlsx")},
    "items_item_prices": Address(
        whose=Whose.OWN,
        query=lambda stock: f"?item={stock.item.pk}",
        form=lambda stock: {"change": "set", "amount": "7", "deposit": "", f"version-{stock.item.pk}": stock.item.version, "apply": "1"},
    ),
    "items_item_place": Address(
        whose=Whose.OWN,
        query=lambda stock: f"?item={stock.item.pk}",
        form=lambda stock: {"pickup_place": stock.place.pk, f"version-{stock.item.pk}": stock.item.version, "apply": "1"},
    ),
    "desk_item_preview": Address(whose=Whose.OWNERS, arguments=lambda stock: [stock.item.pk]),
    "items_item_import": Address(whose=Whose.OWN),
    "items_item_import_sample": Address(whose=Whose.OWN, arguments=lambda _: ["csv"]),
    "items_item_imported": Address(whose=Whose.NOBODY, arguments=lambda stock: [stock.item.pk]),
    "items_item_import_errors": Address(whose=Whose.NOBODY, arguments=lambda stock: [stock.item.pk]),
    "items_item_withdraw": Address(whose=Whose.OWN, query=lambda stock: f"?item={stock.item.pk}"),
    "items_item_pause": Address(whose=Whose.OWNERS, arguments=lambda stock: [stock.item.pk], changes=True),
    "items_item_resume": Address(whose=Whose.OWNERS, arguments=lambda stock: [stock.item.pk]),
    "items_item_photos": Address(whose=Whose.OWNERS, arguments=lambda stock: [stock.item.pk]),
    **_screen(
        "items_pickupplace",
        lambda stock: [stock.place.pk],
        add=Address(whose=Whose.OWN),
        change=Address(
            whose=Whose.OWNERS,
            arguments=lambda stock: [stock.place.pk],
            form=lambda stock: {**_PLACE, "name": "둘째의 것", "address": "", "seen_version": stock.place.version},
            changes=True,
        ),
        delete=Address(whose=Whose.OWNERS, arguments=lambda stock: [stock.place.pk], changes=True),
    ),
    **_operators("items_category", lambda stock: [stock.category.pk], add=Address(whose=Whose.OPERATORS)),
    **_screen(
        "rentals_rental",
        lambda stock: [stock.rental.pk],
        changelist=Address(whose=Whose.OWN, form=lambda stock: {"action": "hand_over_chosen", "_selected_action": [stock.rental.pk]}),
    ),
    **_screen(
        "rentals_block",
        lambda stock: [stock.block.pk],
        add=Address(
            whose=Whose.OWN,
            query=lambda stock: f"?item={stock.item.pk}",
            form=lambda stock: {"item": stock.item.pk, "first_day": "2036-12-24", "last_day": "2036-12-24", "reason": "둘째가 그랬다"},
        ),
        delete=Address(whose=Whose.OWNERS, arguments=lambda stock: [stock.block.pk], changes=True),
    ),
    "rentals_rental_hand-over": _of_rental(changes=True),
    "rentals_rental_take-back": _of_rental(),
    "rentals_rental_undo-return": _of_rental(),
    "rentals_rental_take-back-late": _of_rental(form=lambda _: {"returned_at": "2026-11-01T10:00:00"}),
    "rentals_rental_cancel": _of_rental(form=lambda _: {"reason": "둘째가 그랬다"}, changes=True),
    # Of its manager alone, who takes the cash. Whether the form books is tested where transactions are real.
    "rentals_rental_walk-in": Address(whose=Whose.OWN, query=lambda stock: f"?item={stock.item.pk}", form=_walk_in),
    **_operators("payments_payment", lambda stock: [stock.payment.pk]),
    "payments_payment_refund": Address(
        whose=Whose.OPERATORS,
        arguments=lambda stock: [stock.payment.pk],
        form=lambda _: {"amount": "100", "reason": "so", "refund": str(uuid7()), "confirmed": "yes"},
    ),
    **_operators("payments_refund", lambda stock: [stock.refund.pk]),
    **_operators("payments_posting", lambda stock: [stock.posting.pk]),
    **_operators("accounts_user", lambda stock: [stock.renter.pk], add=Address(whose=Whose.OPERATORS)),
    "auth_user_password_change": Address(whose=Whose.OPERATORS, arguments=lambda stock: [stock.renter.pk]),
}
