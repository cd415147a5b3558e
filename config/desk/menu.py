"""The menu of the desk: what it leads to, for whom. A new entry is one more of `MENU`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gdmarket.admin import is_operator, may_use_admin


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A page of an entry; `page` is the name of its URL."""

    page: str
    label: Promise
    is_for: Callable[[Any], bool] = may_use_admin


@dataclass(frozen=True, kw_only=True, slots=True)
class MenuEntry:
    """An entry of the menu, and its pages where it has several; `page` is the name of the URL that it leads to.

    `key` is also the entry's symbol in `market/icons.svg`; `under` is the path below the admin's that belongs to it.
    """

    key: str
    label: Promise
    page: str
    under: str
    is_for: Callable[[Any], bool] = may_use_admin
    pages: Sequence[Page] = ()


MENU = (
    MenuEntry(key="today", label=_("Today"), page="admin:index", under=""),
    MenuEntry(key="board", label=_("Board"), page="admin:desk_board", under="board/"),
    MenuEntry(
        key="rentals",
        label=_("Rentals"),
        page="admin:rentals_rental_changelist",
        under="rentals/",
        pages=(
            Page(page="admin:rentals_rental_changelist", label=_("Rentals")),
            Page(page="admin:rentals_block_changelist", label=_("Blocked days")),
        ),
    ),
    MenuEntry(
        key="items",
        label=_("Items"),
        page="admin:items_item_changelist",
        under="items/",
        pages=(
            Page(page="admin:items_item_changelist", label=_("Items")),
            Page(page="admin:items_pickupplace_changelist", label=_("Pickup places")),
            Page(page="admin:items_category_changelist", label=_("Categories"), is_for=is_operator),
        ),
    ),
    MenuEntry(key="income", label=_("Income"), page="admin:desk_income", under="income/"),
    MenuEntry(
        key="payments",
        label=_("Payments"),
        page="admin:payments_payment_changelist",
        under="payments/",
        is_for=is_operator,
        pages=(
            Page(page="admin:payments_payment_changelist", label=_("Payments")),
            Page(page="admin:payments_refund_changelist", label=_("Refunds")),
            Page(page="admin:payments_posting_changelist", label=_("Ledger")),
        ),
    ),
    MenuEntry(key="people", label=_("People"), page="admin:accounts_user_changelist", under="accounts/", is_for=is_operator),
    MenuEntry(key="system", label=_("System"), page="admin:desk_system", under="system/", is_for=is_operator),
)


def menu_of(request: HttpRequest) -> list[dict[str, Any]]:
    """Return a person's menu; an entry `is_current` where this page is one of its pages."""
    if not may_use_admin(request.user):
        return []
    path = _path_below(request)
    return [
        {
            "key": entry.key,
            "label": entry.label,
            "address": reverse(entry.page),
            "is_current": _is_under(path, entry),
            "pages": _pages(request, entry) if _is_under(path, entry) else [],
        }
        for entry in MENU
        if entry.is_for(request.user)
    ]


def address_under(app_label: str, *, user: Any) -> str:
    """Return the address of the entry whose pages are an app's; of the first entry where the person has none."""
    theirs = (entry.page for entry in MENU if entry.under == f"{app_label}/" and entry.is_for(user))
    return reverse(next(theirs, MENU[0].page))


def _pages(request: HttpRequest, entry: MenuEntry) -> list[dict[str, Any]]:
    theirs = [(page.label, reverse(page.page)) for page in entry.pages if page.is_for(request.user)]
    return [{"label": label, "address": address, "is_current": request.path.startswith(address)} for label, address in theirs]


def _path_below(request: HttpRequest) -> str:
    return request.path.removeprefix(reverse("admin:index"))


def _is_under(path: str, entry: MenuEntry) -> bool:
    return path.startswith(entry.under) if entry.under else not path
