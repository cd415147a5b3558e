"""The breaker: closed, open or half-open, decided by the shared row and this process's own calls. No lock is held during a call."""

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

# Another process may change the row between our read and our write.
_PERMIT_ATTEMPTS = 4
_MIN_RETRY_AFTER_S = 0.1
_MAX_DOUBLINGS = 16


class Breaker:
    """Guards one dependency. A result counts only in the generation that permitted its call; late results of older ones are dropped."""

    def __init__(self, *, name: str, monotonic: Clock, policy: Policy | None = None) -> None:
        self.name = name
        self.policy = policy or Policy()
        self._monotonic = monotonic
        self._cache = StateCache(name=name, monotonic=monotonic)
        self._lock = threading.Lock()
        self._window = Window(policy=self.policy)
        self._window_generation = 0

    def call(self, fn: Callable[[], T], *, counts_as_success: bool = True, ignored_exceptions: tuple[type[Exception], ...] = ()) -> T:
        """Call `fn` and return what it returns; an `Exception` it raises is a failure and is raised to the caller.

        One of `ignored_exceptions` is a success, and is raised too. A success with `counts_as_success=False` is not counted: it does not
        show that other calls would succeed. A failure with a `retry_after_s` above 0 opens the breaker at once for that long, up to the
        policy's maximum. A call that was interrupted from outside (KeyboardInterrupt, SystemExit) is not counted.
        :raises OpenError: without calling `fn`, with `retry_after_s`, while no calls are permitted
        """
        permit = self._permit(counts_as_success=counts_as_success)
        started = self._monotonic()
        try:
            answer = fn()
        except ignored_exceptions:
            self._succeeded(permit, took_s=self._monotonic() - started, counts_as_success=counts_as_success)
            raise
        except Exception as error:
            self._failed(permit, retry_after_s=getattr(error, "retry_after_s", None) or 0.0)
            raise
        except BaseException:
            self._give_back(permit)
            raise
        self._succeeded(permit, took_s=self._monotonic() - started, counts_as_success=counts_as_success)
        return answer

    def open_for_s(self) -> float:
        """Return 0.0 if a call would be permitted now, else the seconds until one may be."""
        return self._retry_after_s(self._cache.snapshot())

    @property
    def state(self) -> State:
        """The state, at most a quarter of a second old."""
        return self._cache.snapshot().state

    def _retry_after_s(self, snapshot: CircuitSnapshot) -> float:
        if snapshot.state is State.CLOSED or (snapshot.state is State.HALF_OPEN and snapshot.probes_left):
            return 0.0
        # Opened by hand it may stay open for days: callers retry sooner.
        longest_s = self.policy.longest_open_s
        return longest_s if snapshot.left_s is None else max(0.0, min(snapshot.left_s, longest_s))

    def _permit(self, *, counts_as_success: bool = True) -> CircuitSnapshot:
        """Return the snapshot that permits a call.

        :raises OpenError: if none is permitted
        """
        snapshot = self._cache.snapshot()
        for _ in range(_PERMIT_ATTEMPTS):
            if snapshot.state is State.CLOSED:
                return snapshot
            if self._retry_after_s(snapshot) > 0:
                break
            take = partial(self._take_permit, snapshot, counts_as_success=counts_as_success)
            permit = self._cache.use(take, on_failure=UNKNOWN)
            if permit is not UNKNOWN:
                snapshot = self._cache.refresh()
            if permit is not None:
                return permit
        metrics.REFUSED.labels(self.name).inc()
        raise OpenError(retry_after_s=max(_MIN_RETRY_AFTER_S, self._retry_after_s(snapshot)), dependency=self.name)

    def _take_permit(self, snapshot: CircuitSnapshot, *, counts_as_success: bool) -> CircuitSnapshot | None:
        generation, deadline_s = snapshot.generation, self.policy.probe_deadline_s
        if snapshot.state is State.HALF_OPEN and snapshot.probes_left:
            if counts_as_success:
                is_taken = store.take_permit(name=self.name, generation=generation, deadline_s=deadline_s)
            else:
                is_taken = store.take_spare_permit(name=self.name, generation=generation)
            return snapshot if is_taken else None
        reason = "the probes did not return in time" if snapshot.state is State.HALF_OPEN else "the open period is over"
        probes = self.policy.probes
        if not store.begin_probing(name=self.name, generation=generation, probes=probes, deadline_s=deadline_s, reason=reason):
            return None
        return replace(snapshot, state=State.HALF_OPEN, generation=generation + 1)

    def _succeeded(self, permit: CircuitSnapshot, *, took_s: float, counts_as_success: bool) -> None:
        slow = took_s > self.policy.slow_s
        metrics.CALLS.labels(self.name, "slow" if slow else "succeeded").inc()
        if not counts_as_success:
            self._give_back(permit)
        elif permit.state is State.CLOSED:
            self._count(permit, slow=slow)
        elif slow:
            self._open(permit, reason="a probe was slow")
        else:
            reason = f"{self.policy.probes} probes succeeded"
            self._cache.change(partial(store.count_success, name=self.name, generation=permit.generation, reason=reason))

    def _failed(self, permit: CircuitSnapshot, *, retry_after_s: float) -> None:
        metrics.CALLS.labels(self.name, "failed").inc()
        if retry_after_s > 0:
            self._open(permit, reason=f"it asked for a wait of {retry_after_s:g} s", for_s=retry_after_s)
        elif permit.state is State.CLOSED:
            self._count(permit, failed=True)
        else:
            self._open(permit, reason="a probe failed")

    def _count(self, permit: CircuitSnapshot, *, failed: bool = False, slow: bool = False) -> None:
        if permit.generation != self._cache.generation or permit is UNKNOWN:
            return
        with self._lock:
            if self._window_generation != permit.generation:
                self._window, self._window_generation = Window(policy=self.policy), permit.generation
            self._window.count(at=self._monotonic(), failed=failed, slow=slow)
            reason = self._window.trip_reason()
        if reason:
            self._open(permit, reason=reason)

    def _open(self, permit: CircuitSnapshot, *, reason: str, for_s: float | None = None) -> None:
        if permit is UNKNOWN:
            return
        jitter = random.uniform(1 - self.policy.jitter, 1 + self.policy.jitter)  # noqa: S311  # spreads load, hides nothing
        backoff_s = self.policy.open_s * 2.0 ** min(permit.times_opened, _MAX_DOUBLINGS) * jitter
        for_s = min(for_s or backoff_s, self.policy.longest_open_s)
        self._cache.change(partial(store.open_circuit, name=self.name, generation=permit.generation, for_s=for_s, reason=reason))

    def _give_back(self, permit: CircuitSnapshot) -> None:
        if permit.state is State.HALF_OPEN:
            self._cache.change(partial(store.give_back_permit, name=self.name, generation=permit.generation))
