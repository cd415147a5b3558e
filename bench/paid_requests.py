"""Requests of rentals with their payment, as many as a load needs: an item and a renter for each client, one hour after the other."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

from deploy.client import API, Request


class PaidRequests:
    """Gives each client the next hours of its item, from one load to the next."""

    def __init__(self, *, items: Sequence[str], tokens: Sequence[str]) -> None:
        self._items, self._tokens = items, tokens
        self._begins = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
        self._hours = [count() for _ in items]

    def of(self, client: int) -> Iterator[Request]:
        """Yield the requests of a client by its number."""
        number = client % len(self._items)
        for hour in self._hours[number]:
            starts_at = self._begins + timedelta(hours=hour)
            ends_at = starts_at + timedelta(hours=1)
            period = {"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()}
            body = {"item": self._items[number], "payment_method": "pm_ok", **period}
            yield Request(method="POST", path=f"{API}/rentals", token=self._tokens[client % len(self._tokens)], body=body)
