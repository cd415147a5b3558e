"""The payment simulator in a process of its own, which can be given faults, and the adapter that calls it over sockets."""

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

    def __init__(self, simulator: SimulatorProcess) -> None:
        self._simulator = simulator
        self.gateway = self._http = HttpGateway(base_url=simulator.url, webhook_secrets=SECRETS)

    def record(self, key: UUID) -> ChargeRecord:
        return self._simulator.record(key)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def close(self) -> None:
        self.clear_faults()
        self._http.close()

    def inject_fault(self, do: str, *, call: str, **details: Any) -> None:
        """Inject this fault (deploy/simulator/faults.py) into every such call until `clear_faults`; `details` are its other fields."""
        self._simulator.set_faults({"do": do, "call": call, **details})

    def clear_faults(self) -> None:
        """Clear every fault and accept connections."""
        self._simulator.clear_faults()
        self._simulator.come_up()

    def go_down(self) -> None:
        self._simulator.go_down()

    def webhook(self, key: UUID) -> bytes:
        return json.dumps({"id": f"charge-{key}-charged", "happened": "charge.charged", "key": str(key)}).encode()

    def sign(self, body: bytes, *, at: datetime, secret: int = 0) -> Mapping[str, str]:
        sent_at = int(at.timestamp())
        digest = hmac.new(SECRETS[secret].encode(), b"%d." % sent_at + body, hashlib.sha256).hexdigest()
        return {"content-type": "application/json", "fake-signature": f"t={sent_at},v1={digest}"}
