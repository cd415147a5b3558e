"""Time that passes in no time, for the code's clock and for the database's."""

from datetime import UTC, datetime, timedelta

import time_machine
from django.db.models import F

from gdmarket import databases
from gdmarket.breaker.models import Circuit
from gdmarket.bus.models import Delivery


def pull_breakers(step: timedelta) -> None:
    """Bring the end of what is open or half-open nearer by `step`."""
    Circuit.objects.update(open_until=F("open_until") - step, probe_deadline=F("probe_deadline") - step)


class PassingTime:
    """Moves the process's clock, and by as much towards now what goes by the database's: outstanding deliveries, breakers that are open."""

    def __init__(self, traveller: time_machine.Traveller) -> None:
        self._traveller = traveller
        self._passed = timedelta()
        self._pulled: set[tuple[str, int]] = set()

    def __call__(self, **amount: float) -> datetime:
        """Let time pass and return the new now; `amount` is what timedelta takes (`minutes=15`, `days=1`)."""
        step = timedelta(**amount)
        self._passed += step
        self._traveller.shift(step)
        self.pull_deliveries(step)
        pull_breakers(step)
        return datetime.now(UTC)

    def pull_deliveries(self, step: timedelta) -> None:
        """Bring deliveries forward by `step`; those made since time first passed, by all that has passed."""
        if not self._passed:
            return
        for alias in databases.aliases():
            for delivery in Delivery.objects.using(alias):
                by = step if (alias, delivery.pk) in self._pulled else self._passed
                self._pulled.add((alias, delivery.pk))
                Delivery.objects.using(alias).filter(pk=delivery.pk).update(not_before=delivery.not_before - by)
