"""A large data set: one item and its rentals are made through the API, then their rows are copied in bulk, with new ids.

The owners' tables and the event log are copied; no column is named here.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.models import AutoField, Model, Q
from django.test import Client

from apps.accounts.models import User
from apps.items.models import BusyPeriod, Item
from apps.payments.models import Payment, Posting, Refund
from apps.rentals.models import Listing, Rental
from deploy.client import API, PASSWORD, RENTERS
from gdmarket import bus, ids
from gdmarket.bus.models import Event

MANAGERS = ("manager@example.com", "manager2@example.com")
# The states in which an item's rentals end.
_ENDS = (*("returned",) * 15, "cancelled", "rented", "paid", "paid", "requested")
_ITEM = {"name": "충전 드릴", "category": "공구", "place": "성수역", "daily_price": 8_000, "latitude": 37.5446, "longitude": 127.0559}
_OTHER_RENTERS, _OTHER_MANAGERS = 1000, 50
# How many copies are in progress at once: their events alternate in the log.
_AT_ONCE = 50
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|\b[0-9a-f]{32}\b")
_DELIVER = """
INSERT INTO bus_delivery (event_id, subscriber, lane, version, not_before, attempts, dead, error)
SELECT e.seq, s.subscriber, e.stream, e.version, %s, 0, false, ''
FROM bus_event e JOIN bus_subscription s ON s.type = e.type AND s.subscriber = 'status_view' WHERE e.seq > %s ORDER BY e.seq
"""


class InProcessClient:
    """Sends requests to the API in this process; raises AssertionError for an answer that is not a success."""

    def __init__(self, email: str, *, correlation: str = "") -> None:
        self._client = Client(headers={"host": "localhost", **({"x-correlation-id": correlation} if correlation else {})})
        token = self.send("POST", "/auth/token", {"email": email, "password": PASSWORD})["access"]
        self._client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {token}"

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Return the answer's JSON."""
        answer = self._client.generic(method, f"{API}{path}", json.dumps(body or {}), content_type="application/json")
        assert answer.status_code in {200, 201, 202}, answer.content
        return json.loads(answer.content)


@dataclass(frozen=True, slots=True)
class _Row:
    """One row: columns that hold ids as a format with places for them, the others as they are."""

    values: tuple[Any, ...]
    formats: tuple[tuple[int, str, tuple[int, ...]], ...]

    def copy(self, texts: Sequence[str]) -> list[Any]:
        values = list(self.values)
        for column, text, places in self.formats:
            values[column] = text % tuple(texts[place] for place in places)
        return values


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    columns: tuple[str, ...]
    rows: tuple[_Row, ...]


class Template:
    """One item and its rentals, in every table."""

    def __init__(self, *, rentals: int = len(_ENDS)) -> None:
        """Create them through the API; the demo must be loaded."""
        self.rentals = rentals
        self._texts: dict[str, int] = {}
        item_id, correlation = _make(_ENDS[:rentals])
        of_rental = Q(rental_id__in=list(Rental.objects.filter(item_id=item_id).values("id").values_list("id", flat=True)))
        payments = list(Payment.objects.filter(of_rental).values_list("id", flat=True))
        self.log = self._table(Event, Q(correlation=correlation))
        self.owners = [
            self._table(Item, Q(id=item_id)),
            self._table(Listing, Q(item_id=item_id)),
            self._table(Rental, Q(item_id=item_id)),
            self._table(BusyPeriod, Q(item_id=item_id)),
            self._table(Payment, of_rental),
            self._table(Refund, Q(payment_id__in=payments)),
            self._table(Posting, Q(payment_id__in=payments)),
        ]
        self._people = {str(pk): email for pk, email in User.objects.values_list("id", "email")}

    def copies(self, *, number: int, renters: Sequence[str], managers: Sequence[str]) -> Iterator[list[str]]:
        """Yield the new ids of `number` copies, which belong to these people, given by e-mail address, and to many others."""
        of_email = {email: pk for pk, email in self._people.items()}
        everyone = {
            True: [*(of_email[email] for email in renters), *(str(ids.uuid7()) for _ in range(_OTHER_RENTERS))],
            False: [*(of_email[email] for email in managers), *(str(ids.uuid7()) for _ in range(_OTHER_MANAGERS))],
        }
        for copy in range(number):
            new: dict[UUID, str] = {}
            texts = []
            for place, text in enumerate(self._texts):
                old = UUID(text)
                if old not in new:
                    email = self._people.get(str(old))
                    people = everyone[email in RENTERS]
                    new[old] = people[(copy * len(RENTERS) + place) % len(people)] if email else str(ids.uuid7())
                texts.append(new[old] if len(text) > 32 else new[old].replace("-", ""))  # noqa: PLR2004  # hexadecimal, without dashes
            yield texts

    def events(self, copies: Iterable[list[str]]) -> Iterator[list[Any]]:
        """Yield the rows of the log, the events of many copies interleaved."""
        left = iter(copies)
        while at_once := list(islice(left, _AT_ONCE)):
            for row in self.log.rows:
                yield from (row.copy(texts) for texts in at_once)

    def _table(self, model: type[Model], where: Q) -> _Table:
        columns = tuple(str(field.column) for field in _meta(model).concrete_fields if not isinstance(field, AutoField))
        sql, parameters = model._default_manager.filter(where).order_by("pk").values_list(*columns).query.sql_with_params()  # noqa: SLF001  # Django documents it
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return _Table(_meta(model).db_table, columns, tuple(self._row(values) for values in cursor.fetchall()))

    def _row(self, values: Sequence[Any]) -> _Row:
        texts = [
            json.dumps(value) if isinstance(value, dict | list) else str(value) if isinstance(value, UUID) else value for value in values
        ]
        formats = []
        for column, text in enumerate(texts):
            if isinstance(text, str) and (found := _UUID.findall(text)):
                places = tuple(self._texts.setdefault(uuid, len(self._texts)) for uuid in found)
                formats.append((column, _UUID.sub("%s", text.replace("%", "%%")), places))
        return _Row(tuple(texts), tuple(formats))


def load_market(*, rentals: int, renters: Sequence[str] = RENTERS, managers: Sequence[str] = MANAGERS) -> int:
    """Add rentals to the owners' tables and the log; return the number of their items."""
    template = Template(rentals=min(rentals, len(_ENDS)))
    items = rentals // template.rentals
    copies = list(template.copies(number=items - 1, renters=renters, managers=managers))
    insert(template.log, template.events(copies))
    for table in template.owners:
        insert(table, (row.copy(texts) for texts in copies for row in table.rows))
    settle(*(table.name for table in (template.log, *template.owners)))
    return items


def write_deliveries(*, after_seq: int) -> None:
    """Add a delivery to the status view for every later event in the log that it subscribes to."""
    with connection.cursor() as cursor:
        cursor.execute(_DELIVER, [datetime.now(UTC), after_seq])


def last_seq() -> int:
    """Return the last sequence number in the log; 0 when it is empty."""
    return Event.objects.order_by("-seq").values_list("seq", flat=True).first() or 0


def insert(table: _Table, rows: Iterable[Sequence[Any]]) -> None:
    """Write rows: by COPY on PostgreSQL, by one prepared INSERT on SQLite."""
    names = ", ".join(table.columns)
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL statement_timeout = 0")  # a load takes longer than a request may
            with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join(["%s"] * len(table.columns))
            cursor.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", list(rows))


def empty(*models: type[Model]) -> None:
    """Delete all rows of these tables."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sql_flush(no_style(), [_meta(model).db_table for model in models]):
            cursor.execute(statement)


def settle(*tables: str) -> None:
    """Vacuum and analyze tables, as autovacuum would some time after a load."""
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(("VACUUM ANALYZE " if connection.vendor == "postgresql" else "ANALYZE ") + table)


def _meta(model: type[Model]) -> Any:
    return model._meta  # noqa: SLF001  # Django documents it


def _make(ends: Sequence[str]) -> tuple[str, str]:
    """Create an item and its rentals; return its id and the correlation id of all events."""
    correlation = str(ids.uuid7())
    manager = InProcessClient(MANAGERS[0], correlation=correlation)
    renters = [InProcessClient(email, correlation=correlation) for email in RENTERS]
    item_id: str = manager.send("POST", "/items", _ITEM)["id"]
    bus.run_until_idle()
    for number, end in enumerate(ends):
        renter = renters[number % len(renters)]
        body = {"item": item_id} | ({} if end == "requested" else {"payment_method": "pm_ok"})
        if end in {"paid", "requested"}:
            starts_at = datetime.now(UTC) + timedelta(days=2 * number)
            body |= {"starts_at": starts_at.isoformat(), "ends_at": (starts_at + timedelta(days=1)).isoformat()}
        rental = f"/rentals/{renter.send('POST', '/rentals', body)['id']}"
        if end == "cancelled":
            renter.send("POST", f"{rental}/cancel")
        if end in {"rented", "returned"}:
            manager.send("POST", f"{rental}/handover")
        if end == "returned":
            manager.send("POST", f"{rental}/return")
        bus.run_until_idle()
    return item_id, correlation
