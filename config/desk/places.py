"""The places of the desk: what its menu leads to, for whom. A new place is one more entry of `PLACES`."""

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
    """A page of a place; `page` is the name of its URL."""

    page: str
    label: Promise
    is_for: Callable[[Any], bool] = may_use_admin


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A place, and its pages where it has several; `page` is the name of the URL that the menu leads to.

    `key` is also the place's symbol in `market/icons.svg`; `under` is the path below the admin's that belongs to it.
    """

    key: str
    label: Promise
    page: str
    under: str
    is_for: Callable[[Any], bool] = may_use_admin
    pages: Sequence[Page] = ()


PLACES = (
    Place(key="today", label=_("Today"), page="admin:index", under=""),
    Place(key="rentals", label=_("Rentals"), page="admin:rentals_rental_changelist", under="rentals/"),
    Place(
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
    Place(
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
    Place(key="people", label=_("People"), page="admin:accounts_user_changelist", under="accounts/", is_for=is_operator),
    Place(key="system", label=_("System"), page="admin:desk_system", under="system/", is_for=is_operator),
)


def places_of(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the places that a person may go to, for the menu: with `is_current` where this page is one of the place's."""
    if not may_use_admin(request.user):
        return []
    path = _path_below(request)
    return [
        {
            "key": place.key,
            "label": place.label,
            "address": reverse(place.page),
            "is_current": _is_under(path, place),
            "pages": _pages(request, place) if _is_under(path, place) else [],
        }
        for place in PLACES
        if place.is_for(request.user)
    ]


def address_under(app_label: str) -> str:
    """Return the address of the place whose pages are an app's; of the first place where none are."""
    return reverse(next((place.page for place in PLACES if place.under == f"{app_label}/"), PLACES[0].page))


def _pages(request: HttpRequest, place: Place) -> list[dict[str, Any]]:
    theirs = [(page.label, reverse(page.page)) for page in place.pages if page.is_for(request.user)]
    return [{"label": label, "address": address, "is_current": request.path.startswith(address)} for label, address in theirs]


def _path_below(request: HttpRequest) -> str:
    return request.path.removeprefix(reverse("admin:index"))


def _is_under(path: str, place: Place) -> bool:
    return path.startswith(place.under) if place.under else not path
