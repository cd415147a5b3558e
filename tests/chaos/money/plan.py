"""The plan of a campaign on payments."""

from dataclasses import dataclass
from random import Random

# Every failpoint at which a process can crash: `gdmarket.failpoints.hit`.
CHARGING = (
    "rentals.pay.started",
    "payments.charge.opened",
    "payments.charge.unsent",
    "payments.charge.answered",
    "payments.charge.recorded",
    "rentals.pay.settled",
)
CHECKING = ("payments.check.not_found", "payments.check.answered")
REFUNDING = ("payments.refund.unsent", "payments.refund.answered")
TIMEOUT_MS = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How many rentals, by how many renters at once, delivered by how many relays; who dies how often is a matter of chance."""

    seed: int = 0
    rentals: int = 10_000
    renters: int = 4
    relays: int = 2
    kills: int = 40
    provider_kills: int = 5
    seconds_limit: float = 3_600.0

    def chance(self, *place: object) -> Random:
        """Return the choices of one place in the campaign, the same for the same seed."""
        return Random(f"{self.seed}/{place}")


PROVIDER = {"GDMARKET_PAYMENT_GATEWAY": "http", "GDMARKET_PAYMENT_TIMEOUT_MS": str(TIMEOUT_MS)}
FULL = Plan()
SHORT = Plan(rentals=150, renters=3, relays=1, kills=6, provider_kills=1, seconds_limit=120.0)
