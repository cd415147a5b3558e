"""The subscriptions as they are written down, so that publishers of every age deliver to today's subscribers."""

from typing import Any

from django.apps import apps as installed
from django.apps.registry import Apps
from django.db import DEFAULT_DB_ALIAS

from gdmarket import databases
from gdmarket.bus import routing
from gdmarket.bus.errors import NoSuchSubscriberError
from gdmarket.bus.models import Subscription


def write_subscriptions(*, using: str = DEFAULT_DB_ALIAS) -> None:
    """Make a log's table say what the code says, for the subscribers the code knows anywhere, and forwarders. Who is paused stays so."""
    rows = Subscription.objects.using(using)
    written = {(row.subscriber, row.type): row.pk for row in rows.all()}
    paused = set(rows.filter(paused=True).values_list("subscriber", flat=True))
    wanted, known = routing.subscriptions_of(using), set(routing.subscribers())
    rows.filter(
        pk__in=[
            pk
            for (subscriber, name), pk in written.items()
            if (subscriber in known or routing.forward_target(subscriber)) and (subscriber, name) not in wanted
        ]
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
    if subscriber not in (known := _written(routing.alias_of(subscriber)) if routing.alias_of(subscriber) in databases.aliases() else []):
        known = sorted({name for using in databases.aliases() for name in _written(using)})
        raise NoSuchSubscriberError(context=subscriber, known=", ".join(known) or "none; run `manage.py migrate`")


def _written(using: str) -> list[str]:
    return sorted(set(Subscription.objects.using(using).values_list("subscriber", flat=True)))


def pause(*, context: str) -> None:
    """Let a context's deliveries wait until it is resumed; a second time changes nothing. What it has in hand, it finishes.

    :raises NoSuchSubscriberError: if it hears nothing
    """
    _set_paused(context, paused=True)


def resume(*, context: str) -> None:
    """Let a context catch up, in order; a second time changes nothing.

    :raises NoSuchSubscriberError: if it hears nothing
    """
    _set_paused(context, paused=False)


def _set_paused(context: str, *, paused: bool) -> None:
    refuse_unknown(subscriber=context)
    Subscription.objects.using(routing.alias_of(context)).filter(subscriber=context).update(paused=paused)


def after_migrate(*, using: str, apps: Apps = installed, **_: Any) -> None:
    """Write the subscriptions once their table exists: `migrate` of another app may come before."""
    try:
        apps.get_model("bus", "Subscription")
    except LookupError:
        return
    write_subscriptions(using=using)
