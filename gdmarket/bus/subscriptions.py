"""The subscriptions as they are written down, so that publishers of every age deliver to today's subscribers."""

from typing import Any

from django.apps import apps as installed
from django.apps.registry import Apps

from gdmarket.bus import registry
from gdmarket.bus.errors import NoSuchSubscriberError
from gdmarket.bus.models import Subscription


def write_subscriptions(*, using: str = "default") -> None:
    """Make the table say what the code says, for the subscribers the code knows. A paused subscriber stays paused."""
    rows = Subscription.objects.using(using)
    written = {(row.subscriber, row.type): row.pk for row in rows.all()}
    paused = set(rows.filter(paused=True).values_list("subscriber", flat=True))
    wanted, known = registry.pairs(), set(registry.subscribers())
    rows.filter(
        pk__in=[pk for (subscriber, name), pk in written.items() if subscriber in known and (subscriber, name) not in wanted]
    ).delete()
    new = sorted(wanted - written.keys())
    rows.bulk_create(
        [Subscription(subscriber=subscriber, type=name, paused=subscriber in paused) for subscriber, name in new],
        ignore_conflicts=True,
    )


def refuse_unknown(*, subscriber: str) -> None:
    """Do nothing for a subscriber that hears something.

    :raises NoSuchSubscriberError: if it hears nothing
    """
    known = sorted(set(Subscription.objects.values_list("subscriber", flat=True)))
    if subscriber not in known:
        raise NoSuchSubscriberError(context=subscriber, known=", ".join(known) or "none; run `manage.py migrate`")


def after_migrate(*, using: str, apps: Apps = installed, **_: Any) -> None:
    """Write the subscriptions once their table exists: `migrate` of another app may come before."""
    try:
        apps.get_model("bus", "Subscription")
    except LookupError:
        return
    write_subscriptions(using=using)
