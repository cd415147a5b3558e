"""The simulated provider: it answers calls from its store, injects faults, sends webhooks and counts what it has seen."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from apps.payments.gateways.sandbox_store import SandboxStore
from deploy.simulator import calls, injection
from deploy.simulator.calls import ProviderCall, Reply
from deploy.simulator.faults import METHOD_FAULTS, Faults
from deploy.simulator.webhooks import Webhooks

_STATS_DEADLINE_S = 5.0
_WRITES = frozenset({"charge", "refund", "void"})


class Provider:
    """A provider with its own store; `log` gets a line for each call. Safe across threads."""

    def __init__(self, *, store: Path, webhook_url: str, webhook_secret: str, log: Callable[[str], None]) -> None:
        self.faults = Faults()
        self.webhooks = Webhooks(url=webhook_url, secret=webhook_secret, faults=self.faults, log=log)
        self._store = SandboxStore(path=store)
        self._log = log
        self._calls: Counter[str] = Counter()
        self._in_flight = self._most_in_flight = 0
        self._lock = Lock()
        self._write_lock = Lock()  # SQLite's writers poll for their turn, which takes seconds with hundreds of them

    def serve(self, *, handler: Any, call: ProviderCall) -> None:
        """Answer a call, or inject a fault."""
        began = time.monotonic()
        with self._lock:
            self._calls[call.name] += 1
            self._in_flight += 1
            self._most_in_flight = max(self._most_in_flight, self._in_flight)
        try:
            method = METHOD_FAULTS.get(call.body.method) if call.name == "charge" else None
            injected = self.faults.take(call=call.name, key=call.key, method=method)
            time.sleep(injected.before_s)
            reply = Reply() if injected.replaces_the_call else self._perform(call)
            words = [call.name, str(call.key or ""), *([str(reply.status)] if reply.status else [])]
            fault = f", {injected.fault.do}" if injected.fault else ""
            self._log(f"{' '.join(words)}{fault} ({(time.monotonic() - began) * 1000:.0f} ms)")
            time.sleep(injected.after_s)
            if injected.fault is None:
                injection.send(handler, reply)
            else:
                injection.inject(handler, injected.fault, reply)
        finally:
            with self._lock:
                self._in_flight -= 1

    def stats(self) -> dict[str, Any]:
        """Return what it has seen since its start, which faults fired, and the totals of its store."""
        with self._lock:
            seen = {
                "calls": dict(self._calls),
                "calls_in_all": self._calls.total(),
                "in_flight": self._in_flight,
                "most_in_flight": self._most_in_flight,
            }
        totals = self._store.totals(deadline_s=_STATS_DEADLINE_S)
        return {**seen, "webhooks": self.webhooks.count(), "faults": self.faults.count_fired(), "book": totals}

    def _perform(self, call: ProviderCall) -> Reply:
        if call.name not in _WRITES:
            return calls.perform(store=self._store, call=call)
        with self._write_lock:
            reply = calls.perform(store=self._store, call=call)
        status: str = msgspec.json.decode(reply.body).get("status", "")
        if status and call.key is not None:
            self.webhooks.send(call=call.name, happened=status, key=call.key, about=call.keys.get("refund_key", call.key))
        return reply
