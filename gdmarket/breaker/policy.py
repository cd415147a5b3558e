"""When a breaker opens and for how long: its figures, and the window of calls they apply to."""

from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """The figures of a breaker; durations in seconds, ratios of the calls in the window."""

    window_s: int = 30
    minimum_calls: int = 10
    failure_ratio: float = 0.5
    slow_ratio: float = 0.8
    slow_s: float = 1.5
    open_s: float = 15.0
    longest_open_s: float = 300.0
    jitter: float = 0.1
    probes: int = 2
    probe_deadline_s: float = 10.0


@dataclass(slots=True)
class _Second:
    calls: int = 0
    failures: int = 0
    slow: int = 0


class Window:
    """The calls of the last seconds, counted per second, so that its size does not depend on the load. Not thread-safe."""

    def __init__(self, *, policy: Policy) -> None:
        self._policy = policy
        self._seconds: dict[int, _Second] = {}

    def count(self, *, at: float, failed: bool, slow: bool) -> None:
        """Add a call that ended at the instant `at`, and drop the seconds that are older than the window."""
        oldest = int(at) - self._policy.window_s
        self._seconds = {second: calls for second, calls in self._seconds.items() if second > oldest}
        bucket = self._seconds.setdefault(int(at), _Second())
        bucket.calls += 1
        bucket.failures += failed
        bucket.slow += slow

    def trip_reason(self) -> str:
        """Return why the breaker must open; empty while it need not."""
        calls = sum(second.calls for second in self._seconds.values())
        failures = sum(second.failures for second in self._seconds.values())
        slow = sum(second.slow for second in self._seconds.values())
        if calls < self._policy.minimum_calls:
            return ""
        if failures >= calls * self._policy.failure_ratio:
            return f"{failures} of {calls} calls failed"
        return f"{slow} of {calls} calls were slow" if slow >= calls * self._policy.slow_ratio else ""
