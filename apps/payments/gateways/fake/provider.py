"""The fake provider itself: it answers calls from its book, hurts them as its faults say, and tells of them by webhook."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from apps.payments.gateways.fake import calls, fault_injection
from apps.payments.gateways.fake.calls import Answer, Asked
from apps.payments.gateways.fake.fault_injection import Line
from apps.payments.gateways.fake.faults import Faults, InjectedFaults
from apps.payments.gateways.fake.stats import Stats
from apps.payments.gateways.fake.webhooks import Webhooks
from apps.payments.gateways.sandbox_store import SandboxStore

_NOT_ASKED = Answer(status=0, body=b"")
_PATIENCE_S = 5.0
_WRITE = {"charge", "refund", "void"}


class FakeProvider:
    """A provider with its own book; `say` hears of each call in a line. Safe across threads."""

    def __init__(self, *, book: Path, webhook_url: str, webhook_secret: str, say: Callable[[str], None]) -> None:
        self.faults = Faults()
        self._book = SandboxStore(path=book)
        self._stats = Stats()
        self._say = say
        self._pen = Lock()  # SQLite lets writers poll for their turn: with hundreds of them that takes seconds
        self.webhooks = Webhooks(url=webhook_url, secret=webhook_secret, faults=self.faults, stats=self._stats, say=say)

    def serve(self, *, line: Line, asked: Asked) -> None:
        """Answer a call, or hurt it."""
        began = time.monotonic()
        with self._stats.in_flight(call=asked.call):
            hurt = self.faults.take(call=asked.call, key=asked.key, method=asked.fault)
            time.sleep(hurt.before_s)
            answer = _NOT_ASKED if hurt.does(before_the_book=True) else self._perform(asked)
            self._say(_told(asked, answer, hurt, took_s=time.monotonic() - began))
            time.sleep(hurt.after_s)
            if hurt.by is None:
                fault_injection.send(line=line, answer=answer)
            else:
                fault_injection.play(line=line, fault=hurt.by, answer=answer)

    def stats(self) -> dict[str, Any]:
        """Return what it has seen since its start, what went wrong on purpose, and what its book holds in all."""
        return {**self._stats.told(), "faults": self.faults.done(), "book": self._book.totals(deadline_s=_PATIENCE_S)}

    def _perform(self, asked: Asked) -> Answer:
        if asked.call not in _WRITE:
            return calls.perform(book=self._book, asked=asked)
        with self._pen:
            answer = calls.perform(book=self._book, asked=asked)
        if asked.key is not None:
            happened: str = msgspec.json.decode(answer.body).get("status", "")
            if happened:
                self.webhooks.tell(call=asked.call, happened=happened, key=asked.key, about=asked.keys.get("refund_key", asked.key))
        return answer


def _told(asked: Asked, answer: Answer, hurt: InjectedFaults, *, took_s: float) -> str:
    outcome = f" {answer.status}" if answer.status else ""
    fault = f", {hurt.by.do}" if hurt.by else ""
    return f"{asked.call} {asked.key or ''}{outcome}{fault} ({took_s * 1000:.0f} ms)"
