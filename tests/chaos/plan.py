"""The plan of a campaign; handed to each of its processes as JSON."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How much is written, by how many, what is done to them, and the seed of all choices.

    `kills` are relays killed, `writer_kills` writers; half of each at any moment, half in the middle of a transaction. `cuts` are database
    connections ended by the server, where there is one. `lease_s` replaces the bus's own lease; None leaves it.
    """

    events: int = 100_000
    writers: int = 8
    relays: int = 3
    kills: int = 20
    writer_kills: int = 8
    freezes: int = 4
    hangs: int = 4
    cuts: int = 12
    lease_s: int | None = None
    seconds_limit: float = 1800.0
    seed: int = 0

    def chance(self, *place: object) -> Random:
        """Return the source of choices for one place of the campaign: the same seed, the same choices there."""
        return Random(f"{self.seed}/{place}")


WRITER = "writer"
# The application name of these processes' connections to a PostgreSQL server.
APPLICATION = "gdmarket-chaos"
FULL = Plan()
SHORT = Plan(events=2000, writers=3, relays=3, kills=4, writer_kills=2, freezes=1, hangs=1, cuts=3, lease_s=3)
