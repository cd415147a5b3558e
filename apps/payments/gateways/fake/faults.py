"""What shall go wrong at the fake provider: set while it runs, for all calls or some, always or now and then."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

Call = Literal["charge", "refund", "void", "lookup", "list"]
Seconds = Annotated[float, Meta(ge=0, le=3600)]
Trick = Literal[
    "latency",
    "error",
    "redirect",
    "reset",
    "hang",
    "error_after",
    "answer_lost",
    "hang_after",
    "garbage",
    "wrong_amount",
    "wrong_currency",
    "slow_drip",
    "webhook_dropped",
    "webhook_duplicate",
    "webhook_delayed",
    "webhook_reordered",
    "webhook_forged",
    "webhook_old",
]
BEFORE_THE_BOOK = frozenset({"error", "redirect", "reset", "hang"})


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing that goes wrong: at every `call` with every `key` unless one is named, `times` times unless that is left out.

    `before_s` and `after_s` are waited for before and after the book is written, whatever it does; `status` and `retry_after_s` are
    an error's, `body` is garbage's.
    """

    do: Trick
    call: Call | None = None
    key: UUID | None = None
    times: Annotated[int, Meta(ge=0)] | None = None
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0
    seed: int = 0
    before_s: Seconds = 0.0
    after_s: Seconds = 0.0
    status: Annotated[int, Meta(ge=400, le=599)] = 500
    retry_after_s: Annotated[int, Meta(ge=0)] | None = None
    body: Literal["html", "empty", "truncated", "cut", "huge"] = "html"

    def is_about(self, *, call: Call, key: UUID | None) -> bool:
        """Say whether it concerns a call."""
        return self.call in {None, call} and self.key in {None, key}


@dataclass(frozen=True, kw_only=True, slots=True)
class InjectedFaults:
    """What goes wrong with one call: how long it is held up, and the one thing that is done to it, if any is."""

    before_s: float
    after_s: float
    by: Fault | None

    def does(self, *, before_the_book: bool) -> bool:
        """Say whether something is done to the call before the book is written, or else after."""
        return self.by is not None and (self.by.do in BEFORE_THE_BOOK) == before_the_book


class _Armed:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.left = fault.times
        self._random = random.Random(fault.seed)  # noqa: S311  # nothing to guard: a fault that shows again with its seed

    def fires(self) -> bool:
        if self.left == 0 or (self.fault.probability < 1 and self._random.random() >= self.fault.probability):
            return False
        if self.left is not None:
            self.left -= 1
        return True


class Faults:
    """The faults that are set. Safe across threads."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []
        self._done: Counter[str] = Counter()
        self._lock = Lock()

    def put(self, *, faults: Sequence[Fault]) -> None:
        """Set these, and no others."""
        with self._lock:
            self._armed = [_Armed(fault) for fault in faults]

    def get(self) -> list[Fault]:
        """Return those that are set, each with the times it has left."""
        with self._lock:
            return [msgspec.structs.replace(armed.fault, times=armed.left) for armed in self._armed]

    def done(self) -> dict[str, int]:
        """Return how often each thing has gone wrong."""
        with self._lock:
            return dict(self._done)

    def take(self, *, call: Call, key: UUID | None, method: Fault | None = None) -> InjectedFaults:
        """Return what goes wrong with a call: every latency, and the first of the rest; the payment `method`'s own fault comes last."""
        with self._lock:
            fired = self._fired(call=call, key=key, is_webhook=False)
        return _hurt([*fired, *([method] if method else [])])

    def take_webhook(self, *, call: Call, key: UUID) -> InjectedFaults:
        """Return what goes wrong with the webhook that a call causes."""
        with self._lock:
            return _hurt(self._fired(call=call, key=key, is_webhook=True))

    def _fired(self, *, call: Call, key: UUID | None, is_webhook: bool) -> list[Fault]:
        fired: list[Fault] = []
        for armed in self._armed:
            fault = armed.fault
            if fault.do.startswith("webhook_") != is_webhook or not fault.is_about(call=call, key=key):
                continue
            if (fault.do == "latency" or not any(_is_done(other) for other in fired)) and armed.fires():
                fired.append(fault)
        self._done.update(fault.do for fault in fired)
        return fired


def _is_done(fault: Fault) -> bool:
    return fault.do != "latency"


def _hurt(fired: Sequence[Fault]) -> InjectedFaults:
    return InjectedFaults(
        before_s=sum(fault.before_s for fault in fired),
        after_s=sum(fault.after_s for fault in fired),
        by=next(filter(_is_done, fired), None),
    )
