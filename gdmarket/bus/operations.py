"""Pausing a subscriber and letting it go on."""

from gdmarket.bus import places, subscriptions
from gdmarket.bus.models import Subscription


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
    subscriptions.refuse_unknown(subscriber=context)
    Subscription.objects.using(places.log_of(context)).filter(subscriber=context).update(paused=paused)
