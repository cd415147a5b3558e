"""The handlers of this process: blinker, one signal per event type, one receiver per subscribing context."""

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

from blinker import Signal
from django.core.exceptions import ImproperlyConfigured

from gdmarket.bus.codec import context_of, schema_of, type_of, upcasters_of
from gdmarket.bus.errors import UnknownEventError
from gdmarket.bus.events import DeliverySkipped

Handler = Callable[[Any], None]
H = TypeVar("H", bound=Handler)

_classes: dict[str, type] = {}
_signals: dict[str, Signal] = {}
_handlers: dict[tuple[str, str], Handler] = {}
_external: set[Handler] = set()
_batched: set[Handler] = set()
_in_batch: ContextVar[bool] = ContextVar("gdmarket_in_batch", default=False)
_idempotent: set[Handler] = set()


def external(handler: H) -> H:
    """Mark a handler that reaches outside the database: it runs in no transaction, and perhaps more than once for one event.

    `bus.current().id` is the idempotency key for what it asks of others.
    """
    _external.add(handler)
    return handler


def batch(handler: H) -> H:
    """Mark a handler that takes a list of events, so that many deliveries share one transaction; those of each lane are in order.

    It may not publish: what several events cause together has no single causation. If it raises, it is called again with halves of the
    list, until the event that cannot be handled is alone.
    """
    _batched.add(handler)
    return handler


def idempotent(handler: H) -> H:
    """Mark a handler that changes and publishes nothing when it receives an old event again.

    Only to such handlers does `manage.py bus replay` deliver old events.
    """
    _idempotent.add(handler)
    return handler


def connect(subscriptions: Mapping[type, Sequence[Handler]]) -> None:
    """Connect these handlers and no others, each under the name of its module's context.

    :raises ImproperlyConfigured: if a context has two handlers for one event, two classes have one name, or a class cannot read each of its
        older schemas
    """
    for registered in (_classes, _signals, _handlers):
        registered.clear()
    for event_class, handlers in {DeliverySkipped: (), **subscriptions}.items():
        name = type_of(event_class)
        if name in _classes:
            raise ImproperlyConfigured(f"two event classes are called {name}")
        _refuse_gaps(event_class)
        _classes[name], _signals[name] = event_class, Signal()
        for handler in handlers:
            subscriber = context_of(handler.__module__)
            if (subscriber, name) in _handlers:
                raise ImproperlyConfigured(f"{subscriber} has two handlers for {name}: a context may have one per event")
            _handlers[subscriber, name] = handler
            _signals[name].connect(_receiver(handler), sender=subscriber, weak=False)


def _refuse_gaps(event_class: type) -> None:
    """Refuse a class whose upcasters do not convert each older schema to the next, up to its own."""
    name, schema, found = type_of(event_class), schema_of(event_class), sorted(upcasters_of(event_class))
    if schema < 1:
        raise ImproperlyConfigured(f"{name} has SCHEMA {schema}; schemas count from 1")
    if found != (wanted := list(range(1, schema))):
        raise ImproperlyConfigured(f"{name} has SCHEMA {schema}: its UPCASTERS must have the keys {wanted}, not {found}")


def _receiver(handler: Handler) -> Callable[..., None]:
    def receive_batch(_sender: str, *, events: Sequence[object]) -> None:
        token = _in_batch.set(True)
        try:
            handler(events)
        finally:
            _in_batch.reset(token)

    def receive_each(_sender: str, *, events: Sequence[object]) -> None:
        for event in events:
            handler(event)

    return receive_batch if handler in _batched else receive_each


def subscriptions() -> set[tuple[str, str]]:
    """Return every (subscriber, type) connected here."""
    return set(_handlers)


def subscribers() -> list[str]:
    """Return every context connected here, sorted."""
    return sorted({subscriber for subscriber, _ in _handlers})


def event_class(*, name: str, schema: int) -> type:
    """Return the class of a type of event.

    :raises UnknownEventError: if this process does not know it, or only an older schema of it
    """
    found = _classes.get(name)
    if found is None:
        raise UnknownEventError(f"{name} is unknown to this process")
    if schema > schema_of(found):
        raise UnknownEventError(f"{name} has schema {schema}; this process knows it up to {schema_of(found)}")
    return found


def is_known(event_class: type) -> bool:
    """Return whether an event class is among the subscriptions, with or without handlers."""
    return _classes.get(type_of(event_class)) is event_class


def is_external(*, subscriber: str, name: str) -> bool:
    """Return whether a subscriber's handler of a type is marked `external`."""
    return _handlers.get((subscriber, name)) in _external


def is_in_batch() -> bool:
    """Return whether a handler marked `batch` is running."""
    return _in_batch.get()


def batch_handler(*, subscriber: str, name: str) -> Handler | None:
    """Return the handler of a type if it is marked `batch`; events with the same one may be sent together."""
    handler = _handlers.get((subscriber, name))
    return handler if handler in _batched else None


def is_batched(*, subscriber: str) -> bool:
    """Return whether a subscriber has handlers, and all are marked `batch`: it publishes nothing, and takes many events at once."""
    handlers = [handler for (context, _), handler in _handlers.items() if context == subscriber]
    return bool(handlers) and all(handler in _batched for handler in handlers)


def idempotent_types(*, subscriber: str) -> list[str]:
    """Return the types whose handler of this subscriber is marked `idempotent`, sorted."""
    return sorted(name for (context, name), handler in _handlers.items() if context == subscriber and handler in _idempotent)


def send(*, subscriber: str, name: str, events: Sequence[object]) -> None:
    """Call the handler that `subscriber` has for this type; with more than one event only if it is marked `batch`.

    :raises UnknownEventError: if it has none
    """
    if not _signals[name].send(subscriber, events=events):
        raise UnknownEventError(f"{subscriber} has no handler for {name}")
