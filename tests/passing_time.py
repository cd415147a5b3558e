"""Time that passes in no time, for the code's clock and for the database's."""

from datetime import UTC, datetime, timedelta

import time_machine

from gdmarket.bus.models import Delivery


class PassingTime:
    """Moves the process's clock, and every outstanding delivery towards now by as much: the bus goes by the database's clock."""

    def __init__(self, traveller: time_machine.Traveller) -> None:
        self._traveller = traveller
        self._passed = timedelta()
        self._pulled: set[int] = set()

    def __call__(self, **amount: float) -> datetime:
        """Let time pass and return the new now; `amount` is what timedelta takes (`minutes=15`, `days=1`)."""
        step = timedelta(**amount)
        self._passed += step
        self._traveller.shift(step)
        self.pull_deliveries(step)
        return datetime.now(UTC)

    def pull_deliveries(self, step: timedelta) -> None:
        """Bring deliveries forward by `step`; those made since time first passed, by all that has passed."""
        if not self._passed:
            return
        for delivery in Delivery.objects.all():
            by = step if delivery.pk in self._pulled else self._passed
            self._pulled.add(delivery.pk)
            Delivery.objects.filter(pk=delivery.pk).update(not_before=delivery.not_before - by)
