"""The faults that can be injected: set while the simulator runs, for all calls or some, always or with a probability."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from apps.payments.gateways.sandbox import SLOW_S

Call = Literal["charge", "refund", "void", "lookup", "list"]
Seconds = Annotated[float, Meta(ge=0, le=3600)]
FaultKind = Literal[
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
_INSTEAD_OF_THE_CALL = frozenset({"error", "redirect", "reset", "hang"})


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One fault: at every `call` with every `key` unless one is named, `times` times unless that is left out.

    `before_s` and `after_s` delay the call and its answer, whatever the fault is; `status` and `retry_after_s` belong to errors,
    `body` to garbage.
    """

    do: FaultKind
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


# A server cannot refuse a connection because of what will be sent on it: pm_down is reset as soon as it is known.
METHOD_FAULTS = MappingProxyType(
    {
        "pm_slow": Fault(do="latency", before_s=SLOW_S),
        "pm_lost": Fault(do="hang_after"),
        "pm_error": Fault(do="error"),
        "pm_down": Fault(do="reset"),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class InjectedFaults:
    """What is injected into one call: delays in seconds, and at most one other fault."""

    before_s: float
    after_s: float
    fault: Fault | None

    @classmethod
    def of(cls, fired: Sequence[Fault]) -> "InjectedFaults":
        """Return what the fired faults come to."""
        return cls(
            before_s=sum(fault.before_s for fault in fired),
            after_s=sum(fault.after_s for fault in fired),
            fault=next((fault for fault in fired if fault.do != "latency"), None),
        )

    @property
    def replaces_the_call(self) -> bool:
        """Whether the call is not performed at all."""
        return self.fault is not None and self.fault.do in _INSTEAD_OF_THE_CALL


class _ActiveFault:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.left = fault.times
        self._random = random.Random(fault.seed)  # noqa: S311  # reproducible by its seed, not secret

    def fires(self) -> bool:
        if self.left == 0 or (self.fault.probability < 1 and self._random.random() >= self.fault.probability):
            return False
        if self.left is not None:
            self.left -= 1
        return True


class Faults:
    """The active faults. Safe across threads."""

    def __init__(self) -> None:
        self._active: list[_ActiveFault] = []
        self._fired: Counter[str] = Counter()
        self._lock = Lock()

    def replace(self, *, faults: Sequence[Fault]) -> None:
        """Activate these, and no others."""
        with self._lock:
            self._active = [_ActiveFault(fault) for fault in faults]

    def list_active(self) -> list[Fault]:
        """Return the active faults, each with the times it has left."""
        with self._lock:
            return [msgspec.structs.replace(active.fault, times=active.left) for active in self._active]

    def count_fired(self) -> dict[str, int]:
        """Return how often each fault has fired."""
        with self._lock:
            return dict(self._fired)

    def take(self, *, call: Call, key: UUID | None, method: Fault | None = None) -> InjectedFaults:
        """Return what is injected into a call: every latency, and the first other fault; the payment method's own fault comes last."""
        return InjectedFaults.of([*self._fire(call, key, is_webhook=False), *([method] if method else [])])

    def take_webhook(self, *, call: Call, key: UUID) -> InjectedFaults:
        """Return what is injected into the webhook that a call causes."""
        return InjectedFaults.of(self._fire(call, key, is_webhook=True))

    def _fire(self, call: Call, key: UUID | None, *, is_webhook: bool) -> list[Fault]:
        fired: list[Fault] = []
        with self._lock:
            for active in self._active:
                fault = active.fault
                concerns = fault.call in {None, call} and fault.key in {None, key} and fault.do.startswith("webhook_") == is_webhook
                is_free = fault.do == "latency" or all(other.do == "latency" for other in fired)
                if concerns and is_free and active.fires():
                    fired.append(fault)
            self._fired.update(fault.do for fault in fired)
        return fired
