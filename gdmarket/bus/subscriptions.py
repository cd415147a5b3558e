"""The subscriptions in the database, so that publishers of every version deliver to the subscribers of the newest."""

from typing import Any

from django.apps import apps as installed
from django.apps.registry import Apps
from django.db import DEFAULT_DB_ALIAS

from gdmarket import databases
from gdmarket.bus import routing
from gdmarket.bus.errors import NoSuchSubscriberError
from gdmarket.bus.models import Subscription


def write_subscriptions(*, using: str = DEFAULT_DB_ALIAS) -> None:
    """Write the code's subscriptions, and forwarders, to a log's table; subscribers unknown to the code, and pauses, are kept."""
    rows = Subscription.objects.using(using)
    written = {(row.subscriber, row.type): row.pk for row in rows.all()}
    paused = set(rows.filter(paused=True).values_list("subscriber", flat=True))
    wanted, known = routing.subscriptions_of(using), set(routing.subscribers())
    unwanted = [
        pk
        for (subscriber, name), pk in written.items()
        if (subscriber in known or routing.forward_target(subscriber)) and (subscriber, name) not in wanted
    ]
    rows.filter(pk__in=unwanted).delete()
    new = [Subscription(subscriber=of, type=name, paused=of in paused) for of, name in sorted(wanted - written.keys())]
    rows.bulk_create(new, ignore_conflicts=True)


def refuse_unknown(*, subscriber: str) -> None:
    """Check that a subscriber has a subscription.

    :raises NoSuchSubscriberError: if it has none
    """
    rows = {using: Subscription.objects.using(using) for using in databases.aliases()}
    own = rows.get(routing.alias_of(subscriber))
    if own is None or not own.filter(subscriber=subscriber).exists():
        known = sorted({name for of_log in rows.values() for name in of_log.values_list("subscriber", flat=True)})
        raise NoSuchSubscriberError(context=subscriber, known=", ".join(known) or "none; run `manage.py migrate`")


def pause(*, context: str) -> None:
    """Let a context's deliveries wait until it is resumed; repeating it changes nothing. Claimed deliveries are finished.

    :raises NoSuchSubscriberError: if it has no subscription
    """
    _set_paused(context, paused=True)


def resume(*, context: str) -> None:
    """Let a context catch up, in order; repeating it changes nothing.

    :raises NoSuchSubscriberError: if it has no subscription
    """
    _set_paused(context, paused=False)


def _set_paused(context: str, *, paused: bool) -> None:
    refuse_unknown(subscriber=context)
    Subscription.objects.using(routing.alias_of(context)).filter(subscriber=context).update(paused=paused)


def after_migrate(*, using: str, apps: Apps = installed, **_: Any) -> None:
    """Write the subscriptions, unless their table does not exist yet because another app is migrated first."""
    try:
        apps.get_model("bus", "Subscription")
    except LookupError:
        return
    write_subscriptions(using=using)
