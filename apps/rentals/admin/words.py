"""What the admin's pages say of a rental."""

from collections.abc import Callable, Collection, Iterable
from typing import Any
from uuid import UUID

from django.template.defaultfilters import linebreaksbr
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.accounts import facade as accounts
from apps.rentals import queries
from apps.rentals.models import Rental
from apps.rentals.queries import renters
from gdmarket.admin import EMPTY, format_money

_TERMS = {
    "name": _("name"),
    "description": _("description"),
    "category": _("category"),
    "place": _("place"),
    "latitude": _("latitude"),
    "longitude": _("longitude"),
    "deposit": _("deposit"),
}


def find_renters(
    *, words: str, by_address: bool, among: Collection[UUID] | None, manager_id: UUID | None, tell: Callable[[Any], object]
) -> dict[str, frozenset[UUID]]:
    """Return for each word of a search the renters whose name holds it, as accounts finds people; guests by their contact, too.

    Where not all guests were searched, that is told.
    """
    people = accounts.find_people(words=words, by_address=by_address, among=among)
    guests, is_all = renters.find_guests(words=people.keys(), manager_id=manager_id)
    if not is_all:
        tell(_("Not all renters without an account were searched, only the newest. A rental is also found by its id."))
    return {word: found | guests[word] for word, found in people.items()}


def read_managers(rentals: Iterable[Any]) -> None:
    """Give each of these rows its `manager_name`."""
    known = {person.id: person.display_name for person in accounts.list_people(user_ids={rental.manager_id for rental in rentals})}
    for rental in rentals:
        rental.manager_name = known.get(rental.manager_id, str(rental.manager_id))


def agreed_lines(rental: Rental) -> SafeString | str:
    """Return the terms, one a line, each with what it is now where that differs."""
    agreement = queries.get_agreement(rental=vars(rental))
    if agreement.agreed is None:
        return EMPTY
    lines = []
    for name, label in _TERMS.items():
        now = format_html(str(_(" – now {value}")), value=_term(agreement.current, name)) if name in agreement.changed else ""
        lines.append((label, _term(agreement.agreed, name), now))
    return format_html_join("", '<div class="line">{}: {}<strong>{}</strong></div>', lines)


def _term(terms: Any, name: str) -> Any:
    """Return a term of an item as people write it; its prices are in KRW."""
    value = getattr(terms, name)
    if name == "deposit":
        return format_money(value, "KRW")
    if name in {"latitude", "longitude"}:
        return f"{value:.6f}°"
    return linebreaksbr(value, autoescape=True) or EMPTY
