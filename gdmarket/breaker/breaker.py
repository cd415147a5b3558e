"""The breaker itself: closed, open, half-open. It decides by the shared row and by this process's calls; nothing is held during a call."""

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from gdmarket.breaker import metrics, store
from gdmarket.breaker.cache import UNKNOWN, StateCache
from gdmarket.breaker.errors import OpenError
from gdmarket.breaker.models import CircuitSnapshot, State
from gdmarket.breaker.policy import Clock, Policy, Window

T = TypeVar("T")

_log = logging.getLogger(__name__)

# Somebody else's change may come between a look and ours.
_TRIES = 4
_SHORTEST_WAIT_S = 0.1
_MOST_DOUBLINGS = 16


class Breaker:
    """Guards one dependency. A result counts only for the generation that let its call through: late news of an old one is no news."""

    def __init__(self, *, name: str, monotonic: Clock, policy: Policy | None = None) -> None:
        self.name = name
        self.policy = policy or Policy()
        self._monotonic = monotonic
        self._cache = StateCache(name=name, monotonic=monotonic)
        self._lock = threading.Lock()
        self._window = Window(policy=self.policy)
        self._window_of = 0  # the generation whose calls it counts

    def call(self, fn: Callable[[], T], *, counts_as_success: bool = True, ignored_exceptions: tuple[type[Exception], ...] = ()) -> T:
        """Call `fn` and return what it returns; an `Exception` it raises is a failure and goes on to the caller.

        One of `ignored_exceptions` is a success, and goes on as well. A success with `counts_as_success=False` is not counted: it does not
        show that other calls would succeed. A failure with a `retry_after_s` above 0 opens the breaker at once for that long, within the
        policy's longest. A call that was interrupted from outside (KeyboardInterrupt, SystemExit) is not counted.
        :raises OpenError: without calling, with `retry_after_s`, while the dependency is not to be asked
        """
        permit = self._permit(counts_as_success=counts_as_success)
        started = self._monotonic()
        try:
            answer = fn()
        except ignored_exceptions:
            self._succeeded(permit, took_s=self._monotonic() - started, counts_as_success=counts_as_success)
            raise
        except Exception as error:
            self._failed(permit, retry_after_s=_asked_to_wait_s(error))
            raise
        except BaseException:
            self._give_back(permit)
            raise
        self._succeeded(permit, took_s=self._monotonic() - started, counts_as_success=counts_as_success)
        return answer

    def open_for_s(self) -> float:
        """Return 0.0 when a call would go through now, else the seconds until one may."""
        return self._closed_to_calls_for_s(self._cache.snapshot())

    @property
    def state(self) -> State:
        """Whether calls go through, as of a quarter of a second ago or less."""
        return self._cache.snapshot().state

    def _closed_to_calls_for_s(self, snapshot: CircuitSnapshot) -> float:
        if snapshot.state is State.CLOSED or (snapshot.state is State.HALF_OPEN and snapshot.probes_left):
            return 0.0
        # Opened by hand it may be for days, or with no end: who asks is told to ask again, and no hold is prolonged by days.
        longest_s = self.policy.longest_open_s
        return longest_s if snapshot.left_s is None else max(0.0, min(snapshot.left_s, longest_s))

    def _permit(self, *, counts_as_success: bool = True) -> CircuitSnapshot:
        """Return the snapshot under which a call goes.

        :raises OpenError: if none may
        """
        snapshot = self._cache.snapshot()
        for _ in range(_TRIES):
            if snapshot.state is State.CLOSED:
                return snapshot
            if self._closed_to_calls_for_s(snapshot) > 0:
                break
            permit = self._try_to_probe(snapshot, counts_as_success=counts_as_success)
            if permit is not UNKNOWN:
                snapshot = self._cache.refresh()
            if permit is not None:
                return permit
        metrics.refused(dependency=self.name)
        wait_s = max(_SHORTEST_WAIT_S, self._closed_to_calls_for_s(snapshot))
        raise OpenError(retry_after_s=wait_s, dependency=self.name)

    def _try_to_probe(self, snapshot: CircuitSnapshot, *, counts_as_success: bool) -> CircuitSnapshot | None:
        return self._cache.use(lambda: self._take_permit(snapshot, counts_as_success=counts_as_success), on_failure=UNKNOWN)

    def _take_permit(self, snapshot: CircuitSnapshot, *, counts_as_success: bool) -> CircuitSnapshot | None:
        generation, deadline_s = snapshot.generation, self.policy.probe_deadline_s
        if snapshot.state is State.HALF_OPEN and snapshot.probes_left:
            if counts_as_success:
                is_taken = store.take_permit(name=self.name, generation=generation, deadline_s=deadline_s)
            else:
                is_taken = store.take_spare_permit(name=self.name, generation=generation)
            return snapshot if is_taken else None
        if not store.begin_probing(name=self.name, generation=generation, probes=self.policy.probes, deadline_s=deadline_s):
            return None
        probes_were_lost = snapshot.state is State.HALF_OPEN
        log_transition(name=self.name, state=State.HALF_OPEN, reason="probes did not come back" if probes_were_lost else "its time is over")
        return replace(snapshot, state=State.HALF_OPEN, generation=generation + 1)

    def _succeeded(self, permit: CircuitSnapshot, *, took_s: float, counts_as_success: bool) -> None:
        slow = took_s > self.policy.slow_s
        metrics.called(dependency=self.name, outcome="slow" if slow else "succeeded")
        if not counts_as_success:
            self._give_back(permit)
        elif permit.state is State.CLOSED:
            self._count(permit, slow=slow)
        elif slow:
            self._open(permit, reason="a probe was slow")
        else:
            reason = f"{self.policy.probes} probes succeeded"
            count = partial(store.count_success, name=self.name, generation=permit.generation, reason=reason)
            self._change(count, to=State.CLOSED, reason=reason)

    def _failed(self, permit: CircuitSnapshot, *, retry_after_s: float | None) -> None:
        metrics.called(dependency=self.name, outcome="failed")
        if retry_after_s:
            self._open(permit, reason=f"asked to wait {retry_after_s:g} s", for_s=retry_after_s)
        elif permit.state is State.CLOSED:
            self._count(permit, failed=True)
        else:
            self._open(permit, reason="a probe failed")

    def _count(self, permit: CircuitSnapshot, *, failed: bool = False, slow: bool = False) -> None:
        if permit.generation != self._cache.generation or permit is UNKNOWN:
            return
        with self._lock:
            if self._window_of != permit.generation:
                self._window, self._window_of = Window(policy=self.policy), permit.generation
            self._window.count(at=self._monotonic(), failed=failed, slow=slow)
            fault = self._window.trip_reason()
        if fault:
            self._open(permit, reason=fault)

    def _open(self, permit: CircuitSnapshot, *, reason: str, for_s: float | None = None) -> None:
        if permit is UNKNOWN:
            return
        jitter = random.uniform(1 - self.policy.jitter, 1 + self.policy.jitter)  # noqa: S311  # spreads load, hides nothing
        backoff_s = self.policy.open_s * 2.0 ** min(permit.times_opened, _MOST_DOUBLINGS) * jitter
        for_s = min(for_s or backoff_s, self.policy.longest_open_s)
        opening = partial(store.open_circuit, name=self.name, generation=permit.generation, for_s=for_s, reason=reason)
        self._change(opening, to=State.OPEN, reason=f"{reason}, for {for_s:.1f} s")

    def _give_back(self, permit: CircuitSnapshot) -> None:
        if permit.state is State.HALF_OPEN:
            self._cache.change(partial(store.give_back_permit, name=self.name, generation=permit.generation))

    def _change(self, act: Callable[[], bool], *, to: State, reason: str) -> None:
        if self._cache.change(act):
            log_transition(name=self.name, state=to, reason=reason)


def log_transition(*, name: str, state: State, reason: str) -> None:
    """Log and count a change of state; for the process that made it."""
    metrics.transitioned(dependency=name, state=state)
    _log.warning("breaker %s: %s: %s", name, state.value, reason)


def _asked_to_wait_s(error: Exception) -> float | None:
    wait_s: float | None = getattr(error, "retry_after_s", None)
    return wait_s if wait_s and wait_s > 0 else None
