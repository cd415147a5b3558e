"""The breaker itself: closed, open, half-open; a short lock around each decision and none during a call."""

import logging
import random
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from gdmarket.breaker.policy import Clock, Policy, Window
from gdmarket.errors import UnavailableError

T = TypeVar("T")

_log = logging.getLogger(__name__)


class OpenError(UnavailableError):
    """This dependency is not being asked just now."""

    code = "breaker_open"


class State(StrEnum):
    """Whether calls go through: all, none, or a few probes."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


def _asked_to_wait_s(error: Exception) -> float | None:
    wait_s: float | None = getattr(error, "retry_after_s", None)
    return wait_s if wait_s and wait_s > 0 else None


class Breaker:
    """Guards one dependency. A result counts only for the generation that let its call through: late news of an old one is no news."""

    def __init__(self, *, name: str, monotonic: Clock, policy: Policy | None = None) -> None:
        self.name = name
        self.policy = policy or Policy()
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._state = State.CLOSED
        self._generation = 0
        self._window = Window(policy=self.policy)
        self._until = 0.0  # open: when probes may go; half-open: when probes that did not come back are given up
        self._times_opened = 0
        self._probes_left = 0
        self._probes_to_succeed = 0

    def call(self, fn: Callable[[], T]) -> T:
        """Call `fn` and return what it returns; any `Exception` it raises is a failure and goes on to the caller.

        A failure with a `retry_after_s` above 0 opens the breaker at once for that long, within the policy's longest.
        A call that was interrupted from outside (KeyboardInterrupt, SystemExit) is not counted.
        :raises OpenError: without calling, with `retry_after_s`, while the dependency is not to be asked
        """
        generation = self._permit()
        started = self._monotonic()
        try:
            answer = fn()
        except Exception as error:
            self._ended(generation, started=started, failed=True, retry_after_s=_asked_to_wait_s(error))
            raise
        except BaseException:
            self._give_back(generation)
            raise
        self._ended(generation, started=started, failed=False, retry_after_s=None)
        return answer

    def open_for_s(self) -> float:
        """Return 0.0 when a call would go through now, else the seconds until one may."""
        with self._lock:
            return self._closed_to_calls_for_s(self._monotonic())

    @property
    def state(self) -> State:
        """Whether calls go through, as of the last one."""
        with self._lock:
            return self._state

    def _closed_to_calls_for_s(self, now: float) -> float:
        if self._state is State.CLOSED or (self._state is State.HALF_OPEN and self._probes_left):
            return 0.0
        return max(0.0, self._until - now)

    def _permit(self) -> int:
        with self._lock:
            now = self._monotonic()
            wait_s = self._closed_to_calls_for_s(now)
            if wait_s > 0:
                raise OpenError(retry_after_s=wait_s, dependency=self.name)
            if self._state is State.OPEN or (self._state is State.HALF_OPEN and not self._probes_left):
                self._enter(State.HALF_OPEN, until=now + self.policy.probe_deadline_s)
                self._probes_left = self._probes_to_succeed = self.policy.probes
            if self._state is State.HALF_OPEN:
                self._probes_left -= 1
            return self._generation

    def _ended(self, generation: int, *, started: float, failed: bool, retry_after_s: float | None) -> None:
        with self._lock:
            if generation != self._generation:
                return
            now = self._monotonic()
            slow = now - started > self.policy.slow_s
            if self._state is State.HALF_OPEN:
                self._probe_ended(now, good=not (failed or slow), retry_after_s=retry_after_s)
                return
            self._window.count(at=now, failed=failed, slow=slow)
            if retry_after_s or self._window.is_too_bad():
                self._open(now, retry_after_s=retry_after_s)

    def _probe_ended(self, now: float, *, good: bool, retry_after_s: float | None) -> None:
        if not good:
            self._open(now, retry_after_s=retry_after_s)
            return
        self._probes_to_succeed -= 1
        if self._probes_to_succeed == 0:
            self._times_opened = 0
            self._window = Window(policy=self.policy)
            self._enter(State.CLOSED, until=0.0)

    def _open(self, now: float, *, retry_after_s: float | None) -> None:
        jitter = random.uniform(1 - self.policy.jitter, 1 + self.policy.jitter)  # noqa: S311  # spreads load, hides nothing
        backoff_s = self.policy.open_s * 2.0 ** min(self._times_opened, 16) * jitter
        self._times_opened += 1
        self._enter(State.OPEN, until=now + min(retry_after_s or backoff_s, self.policy.longest_open_s))

    def _enter(self, state: State, *, until: float) -> None:
        if state is not self._state:
            _log.warning("breaker %s: %s -> %s", self.name, self._state, state)
        self._state, self._until, self._probes_left = state, until, 0
        self._generation += 1

    def _give_back(self, generation: int) -> None:
        with self._lock:
            if generation == self._generation and self._state is State.HALF_OPEN:
                self._probes_left += 1
