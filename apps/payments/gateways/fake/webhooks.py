"""The fake provider's webhooks: signed, sent again until they are taken, and late, lost, doubled, forged or out of order on request."""

import time
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException
from threading import Lock, Thread
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import msgspec

from apps.payments.gateways.fake.faults import Call, Faults
from apps.payments.gateways.fake.messages import SIGNATURE, WebhookBody, digest
from apps.payments.gateways.fake.stats import Stats

_TIMEOUT_S = 5.0
_RESTS_S = (0.2, 1.0, 5.0)  # between one try and the next
_OLD_S = 3600


class Webhooks:
    """Tell of each charge, refund and void once, to `url`; each message goes on its way in a thread of its own."""

    def __init__(self, *, url: str, secret: str, faults: Faults, stats: Stats, say: Callable[[str], None]) -> None:
        self._url = urlsplit(url)
        self._target = urlunsplit(("", "", self._url.path or "/", self._url.query, ""))
        self._secret = secret
        self._faults = faults
        self._stats = stats
        self._say = say
        self._told: set[str] = set()
        self._held: list[tuple[WebhookBody, str]] = []
        self._lock = Lock()

    def tell(self, *, call: Call, happened: str, key: UUID, about: UUID) -> None:
        """Send word of what happened to `about`, a key or a refund key of the charge under `key`, unless that was told before."""
        notice = WebhookBody(id=f"{call}-{about}-{happened}", happened=f"{call}.{happened}", key=key)
        with self._lock:
            if not self._url.netloc or notice.id in self._told:
                return
            self._told.add(notice.id)
        hurt = self._faults.take_webhook(call=call, key=key)
        fault = hurt.by.do if hurt.by else ""
        if fault == "webhook_reordered":
            with self._lock:
                self._held.append((notice, fault))
        elif fault != "webhook_dropped":
            times = 2 if fault == "webhook_duplicate" else 1
            self._start([(notice, fault)] * times + self._take_held(), hurt.before_s)

    def release(self) -> None:
        """Send what is held back to be out of order, the last first."""
        self._start(self._take_held(), 0)

    def _take_held(self) -> list[tuple[WebhookBody, str]]:
        with self._lock:
            held, self._held = self._held[::-1], []
        return held

    def _start(self, notices: Sequence[tuple[WebhookBody, str]], delay_s: float) -> None:
        Thread(target=self._send_all, args=(notices, delay_s), daemon=True).start()

    def _send_all(self, notices: Sequence[tuple[WebhookBody, str]], delay_s: float) -> None:
        time.sleep(delay_s)
        for notice, fault in notices:
            outcome = self._send(notice, fault)
            self._stats.count_webhook(outcome=outcome)
            self._say(f"webhook {notice.id}: {outcome}")

    def _send(self, notice: WebhookBody, fault: str) -> str:
        body = msgspec.json.encode(notice)
        for rest_s in (*_RESTS_S, 0):
            at = int(time.time()) - (_OLD_S if fault == "webhook_old" else 0)
            secret = "not the secret" if fault == "webhook_forged" else self._secret
            if self._is_taken(body, f"t={at},v1={digest(body=body, secret=secret, at=at)}"):
                return "taken"
            time.sleep(rest_s)
        return "given_up"

    def _is_taken(self, body: bytes, signature: str) -> bool:
        connection = HTTPConnection(self._url.hostname or "", self._url.port or 80, timeout=_TIMEOUT_S)
        try:
            connection.request("POST", self._target, body, {"Content-Type": "application/json", SIGNATURE: signature})
            return connection.getresponse().status // 100 == 2  # noqa: PLR2004  # any 2xx
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
