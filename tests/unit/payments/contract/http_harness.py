"""The payment simulator in a process of its own, and the adapter that calls it over sockets."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from apps.payments.gateways.http import HttpGateway
from apps.payments.gateways.port import ChargeRecord
from deploy.servers.simulator import SimulatorProcess
from tests.unit.payments.contract.harness import AdapterHarness

SECRETS = ("the new secret", "the old secret")


class HttpHarness(AdapterHarness):
    """A simulator shared with the other tests of this process, one after the other."""

    def __init__(self, fake: SimulatorProcess) -> None:
        self._fake = fake
        self.gateway = self._http = HttpGateway(base_url=fake.url, webhook_secrets=SECRETS)

    def record(self, key: UUID) -> ChargeRecord:
        return self._fake.record(key)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def close(self) -> None:
        self.clear_faults()
        self._http.close()

    def inject_fault(self, do: str, *, call: str, **details: Any) -> None:
        self._fake.set_faults({"do": do, "call": call, **details})

    def clear_faults(self) -> None:
        self._fake.clear_faults()
        self._fake.come_up()

    def go_down(self) -> None:
        self._fake.go_down()

    def notice(self, key: UUID) -> bytes:
        return json.dumps({"id": f"charge-{key}-charged", "happened": "charge.charged", "key": str(key)}).encode()

    def sign(self, body: bytes, *, at: datetime, secret: int = 0) -> Mapping[str, str]:
        sent_at = int(at.timestamp())
        digest = hmac.new(SECRETS[secret].encode(), b"%d." % sent_at + body, hashlib.sha256).hexdigest()
        return {"content-type": "application/json", "fake-signature": f"t={sent_at},v1={digest}"}
