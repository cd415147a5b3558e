"""What the bus refuses, and what a handler may answer instead of returning."""

from gdmarket.errors import ConflictError, NotFoundError


class OutsideTransactionError(Exception):
    """publish() was called outside a transaction; the event must commit together with the change it tells of."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__(
            "publish() needs the transaction of the change it tells of: call it inside `with databases.transaction_for(<its context>):`"
        )


class PublishedInBatchError(Exception):
    """publish() was called in a batch handler: what many events cause has no one cause, and no story."""


class UnknownEventError(Exception):
    """Nobody here knows this type of event, or this subscriber does not hear it."""


class UndecodableError(Exception):
    """The payload does not fit its event class."""


class LeaseLostError(Exception):
    """Another worker has taken this delivery over meanwhile; what was done for it must be rolled back."""


class Retry(Exception):  # noqa: N818  # an answer, not a fault: it reads `raise bus.Retry(after_s=5)`
    """A handler asks to be called again later, as often as it takes: this never makes a delivery dead."""

    def __init__(self, reason: str = "asked for another try", *, after_s: float) -> None:
        """Ask for another try in `after_s` seconds; the wait is never shorter than 0.1 s."""
        self.after_s = max(after_s, 0.1)
        super().__init__(reason)


class LogUnreachableError(Retry):
    """The database whose log an event is to be copied into does not answer just now."""

    def __init__(self, target: str, *, after_s: float) -> None:
        """Ask for another try in `after_s` seconds."""
        super().__init__(f"the database {target} does not answer", after_s=after_s)


class StreamTakenError(Exception):
    """The log that an event is to be copied into has another event in its place: two logs went on under the same streams."""


class Reject(Exception):  # noqa: N818  # an answer, not a fault: it reads `raise bus.Reject("…")`
    """A handler can never handle this event: it is dead at once and waits for an operator."""


class NoSuchSubscriberError(NotFoundError):
    """No context called "{context}" hears anything. Those that do: {known}."""

    code = "no_such_subscriber"


class NoSuchDeliveryError(NotFoundError):
    """There is no delivery {delivery_id}: it was handled, or never was. See `bus dead list`."""

    code = "no_such_delivery"


class DeliveryNotDeadError(ConflictError):
    """Delivery {delivery_id} is not dead: {subscriber} will still handle it. Only dead deliveries can be skipped; see `bus dead list`."""

    code = "delivery_not_dead"


class NotIdempotentError(ConflictError):
    """No handler of {context} is marked safe to hear old news again (`@bus.idempotent`), so nothing is delivered to it anew."""

    code = "not_idempotent"


class NoSuchTraceError(NotFoundError):
    """No event bears the correlation id "{correlation}". It stands in the X-Correlation-ID header of every answer."""

    code = "no_such_story"
