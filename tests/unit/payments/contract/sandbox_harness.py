"""The sandbox in this process."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from apps.payments.gateways.port import ChargeRecord
from apps.payments.gateways.sandbox import SandboxGateway
from apps.payments.gateways.sandbox_store import SandboxStore
from tests.unit.payments.contract.harness import AdapterHarness, Feature
from tests.unit.payments.gateway_calls import AMPLE_S


class SandboxHarness(AdapterHarness):
    """A sandbox with a new store."""

    unsupported = frozenset({Feature.WEBHOOKS})

    def __init__(self, folder: Path) -> None:
        self._path = folder / "new" / "store.sqlite3"
        self.gateway = SandboxGateway(store=self._path)

    def record(self, key: UUID) -> ChargeRecord:
        return SandboxStore(path=self._path).lookup(key=key, deadline_s=AMPLE_S)

    def close(self) -> None:
        """Do nothing: it holds nothing open."""

    def now(self) -> datetime:
        return datetime.now(UTC)
