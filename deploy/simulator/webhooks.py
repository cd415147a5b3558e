"""The simulator's webhooks: signed, retried until they are accepted, and late, lost, repeated, forged or reordered by a fault."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException
from threading import Lock, Thread
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import msgspec

from apps.payments.gateways.http_messages import SIGNATURE, WebhookBody, digest
from deploy.simulator.faults import Call, Faults

_TIMEOUT_S = 5.0
_RETRY_DELAYS_S = (0.2, 1.0, 5.0)
_OLD_S = 3600

_Message = tuple[WebhookBody, str]  # and the fault that is injected into it, or ""


class Webhooks:
    """Report each charge, refund and void once to `url`; each message is sent in a thread of its own."""

    def __init__(self, *, url: str, secret: str, faults: Faults, log: Callable[[str], None]) -> None:
        self._url = urlsplit(url)
        self._target = urlunsplit(("", "", self._url.path or "/", self._url.query, ""))
        self._secret = secret
        self._faults = faults
        self._log = log
        self._outcomes: Counter[str] = Counter()
        self._sent: set[str] = set()
        self._held: list[_Message] = []
        self._lock = Lock()

    def send(self, *, call: Call, happened: str, key: UUID, about: UUID) -> None:
        """Report what happened to `about`, a key or a refund key of the charge under `key`, unless that was reported before."""
        body = WebhookBody(id=f"{call}-{about}-{happened}", happened=f"{call}.{happened}", key=key)
        with self._lock:
            if not self._url.netloc or body.id in self._sent:
                return
            self._sent.add(body.id)
        injected = self._faults.take_webhook(call=call, key=key)
        fault = injected.fault.do if injected.fault else ""
        if fault == "webhook_reordered":
            with self._lock:
                self._held.append((body, fault))
        elif fault != "webhook_dropped":
            times = 2 if fault == "webhook_duplicate" else 1
            self._start([(body, fault)] * times + self._take_held(), injected.before_s)

    def release(self) -> None:
        """Send the messages that are held back for reordering, the last first."""
        self._start(self._take_held(), 0)

    def count(self) -> dict[str, int]:
        """Return how many messages were taken, and given up."""
        with self._lock:
            return dict(self._outcomes)

    def _take_held(self) -> list[_Message]:
        with self._lock:
            held, self._held = self._held[::-1], []
        return held

    def _start(self, messages: Sequence[_Message], delay_s: float) -> None:
        Thread(target=self._deliver, args=(messages, delay_s), daemon=True).start()

    def _deliver(self, messages: Sequence[_Message], delay_s: float) -> None:
        time.sleep(delay_s)
        for body, fault in messages:
            outcome = self._post_until_taken(msgspec.json.encode(body), fault)
            with self._lock:
                self._outcomes[outcome] += 1
            self._log(f"webhook {body.id}: {outcome}")

    def _post_until_taken(self, body: bytes, fault: str) -> str:
        for retry_delay_s in (*_RETRY_DELAYS_S, 0):
            at = int(time.time()) - (_OLD_S if fault == "webhook_old" else 0)
            secret = "not the secret" if fault == "webhook_forged" else self._secret
            if self._post(body, f"t={at},v1={digest(body=body, secret=secret, at=at)}"):
                return "taken"
            time.sleep(retry_delay_s)
        return "given_up"

    def _post(self, body: bytes, signature: str) -> bool:
        connection = HTTPConnection(self._url.hostname or "", self._url.port or 80, timeout=_TIMEOUT_S)
        try:
            connection.request("POST", self._target, body, {"Content-Type": "application/json", SIGNATURE: signature})
            return connection.getresponse().status // 100 == 2  # noqa: PLR2004  # any 2xx
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
