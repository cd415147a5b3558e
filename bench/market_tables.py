"""The tables that a large market fills."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from uuid import UUID

from django.core.management import call_command
from django.db import connections, transaction
from django.db.models import Model

from apps.accounts.models import User
from apps.items.models import BusyPeriod, Item, PlaceSeed
from apps.payments.models import Payment, Posting
from apps.rentals.models import Listing, ListingVersion, Rental
from apps.status_view.domain import held_by
from apps.status_view.models import ItemStatus, RentalStatus
from bench.bulk import Table, settle
from bench.neighbourhoods import Neighbourhoods, Values
from gdmarket import databases

_HOLDS = {"rented": "rented", "paid": "reserved"}
_POSTINGS = {"earned": ("renter_receivable", "manager_payable"), "charged": ("provider_clearing", "renter_receivable")}


class MarketTables:
    """Writes people, items and rentals, each context's rows into its own database."""

    def __init__(self) -> None:
        models: dict[str, list[type[Model]]] = {
            "accounts": [User],
            "items": [PlaceSeed, Item, BusyPeriod],
            "rentals": [Listing, ListingVersion, Rental],
            "payments": [Payment, Posting],
            "status_view": [ItemStatus, RentalStatus],
        }
        self._aliases = {model: databases.alias_for(context) for context, context_models in models.items() for model in context_models}
        self._tables = {model: Table(model, using=alias) for model, alias in self._aliases.items()}

    def person(self, email: str) -> UUID:
        """Return the id of a person of the demo."""
        found: UUID = User.objects.values_list("id", flat=True).get(email=email)
        return found

    def has_person(self, person: UUID) -> bool:
        return User.objects.filter(id=person).exists()

    def has_item(self, item_id: UUID) -> bool:
        return Item.objects.filter(id=item_id).exists()

    def count_items(self) -> int:
        return Item.objects.count()

    def write_people(self, market: Neighbourhoods) -> None:
        """Write people, and what managers' places are blurred with."""
        with self._transaction():
            self._tables[User].write(market.users())
            self._tables[PlaceSeed].write(market.seeds())

    def write_part(self, part: Iterator[tuple[Values, list[Values]]]) -> None:
        """Write items and their rentals in one transaction; the items come last, so that a part whose first item is there is whole."""
        rows = list(part)
        items = [item for item, _ in rows]
        rentals = list(chain.from_iterable(rentals for _, rentals in rows))
        statuses = [_item_status(item, rentals) for item, rentals in rows]
        paid = [rental for rental in rentals if rental["payment_id"]]
        with self._transaction():
            self._tables[Listing].write(items)
            self._tables[ListingVersion].write(items)
            self._tables[Rental].write(rentals)
            self._tables[Payment].write(map(_payment, paid))
            self._tables[Posting].write(chain.from_iterable(map(_postings, paid)))
            self._tables[RentalStatus].write(
                rental | {"payment_state": rental["payment_state"] or None, "cancelled_by": rental["cancelled_by"] or None}
                for rental in rentals
            )
            self._tables[ItemStatus].write(statuses)
            self._tables[Item].write({**item, "availability": status["availability"]} for item, status in zip(items, statuses, strict=True))
            self._tables[BusyPeriod].write(map(_busy_period, rentals))

    def finish(self) -> None:
        """Let the product fill in what it derives, then vacuum and analyze."""
        for alias in set(self._aliases.values()):
            if connections[alias].vendor == "postgresql":
                connections[alias].cursor().execute("SET statement_timeout = 0")
        call_command("catch_up", verbosity=0)
        for alias in set(self._aliases.values()):
            settle([self._tables[model] for model, used in self._aliases.items() if used == alias], using=alias)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Open one transaction on each database, without the time limits of a request."""
        with ExitStack() as stack:
            for alias in set(self._aliases.values()):
                stack.enter_context(transaction.atomic(using=alias))
                if connections[alias].vendor == "postgresql":
                    connections[alias].cursor().execute(
                        "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"
                    )
            yield


def _item_status(item: Values, rentals: list[Values]) -> Values:
    open_rentals = [{**rental, "overdue": False} for rental in rentals if rental["state"] in _HOLDS]
    return {**item, **held_by(open_rentals=open_rentals)}


def _payment(rental: Values) -> Values:
    at = rental["paid_at"]
    return {
        "id": rental["payment_id"],
        "rental_id": rental["id"],
        "payer_id": rental["renter_id"],
        "payee_id": rental["manager_id"],
        "item_id": rental["item_id"],
        "amount": rental["price"],
        "currency": rental["currency"],
        "method": "pm_ok",
        "state": "approved",
        "provider_reference": f"sandbox-{rental['payment_id']}",
        "version": 2,
        **dict.fromkeys(("created_at", "asked_at", "settled_at"), at),
    }


def _postings(rental: Values) -> Iterator[Values]:
    """Yield the ledger's two entries of a payment; their ids follow from the payment's."""
    for number, (entry, (debit, credit)) in enumerate(_POSTINGS.items(), 1):
        posting = UUID(int=rental["payment_id"].int ^ number)
        sides = {"entry": entry, "debit": debit, "credit": credit, "amount": rental["price"], "currency": rental["currency"]}
        yield {"id": posting, "payment_id": rental["payment_id"], "refund_id": None, "posted_at": rental["paid_at"], **sides}


def _busy_period(rental: Values) -> Values:
    return {"rental_id": rental["id"], **rental, "hold": _HOLDS.get(rental["state"], "over")}
