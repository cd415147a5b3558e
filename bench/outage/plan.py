"""How the outage goes, and who asks what meanwhile."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Durations in seconds; the provider answers after `slow_s`, long after the time-out."""

    users: int = 100
    servers: int = 2
    workers: int = 4
    well_s: float = 10.0
    ill_s: float = 60.0
    # Once the breaker is closed, so much longer; and no longer than this in all.
    after_s: float = 15.0
    longest_s: float = 240.0
    think_s: float = 4.0
    slow_s: float = 5.0
    timeout_ms: int = 610

    @property
    def recovers_at_s(self) -> float:
        """When the provider is well again."""
        return self.well_s + self.ill_s
