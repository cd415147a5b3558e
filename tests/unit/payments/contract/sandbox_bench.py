"""The sandbox in this process."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from apps.payments.gateways.book import Book
from apps.payments.gateways.port import Entry
from apps.payments.gateways.sandbox import SandboxGateway
from tests.unit.payments.contract.bench import AMPLE_S, Bench, Feature


class SandboxBench(Bench):
    """A sandbox with a book of its own in a folder that is new."""

    lacks = frozenset({Feature.WIRE, Feature.WEBHOOKS})

    def __init__(self, folder: Path) -> None:
        self._path = folder / "new" / "book.sqlite3"
        self.gateway = SandboxGateway(book=self._path)

    def book(self, key: UUID) -> Entry:
        return Book(path=self._path).lookup(key=key, deadline_s=AMPLE_S)

    def close(self) -> None:
        """Do nothing: it holds nothing open."""

    def now(self) -> datetime:
        return datetime.now(UTC)
