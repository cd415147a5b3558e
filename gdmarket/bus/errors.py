"""What the bus refuses, and what a handler may raise instead of returning."""

from gdmarket.errors import ConflictError, NotFoundError


class OutsideTransactionError(Exception):
    """publish() was called outside a transaction; the event must commit together with the change that it reports."""


class PublishedInBatchError(Exception):
    """publish() was called in a batch handler: what several events cause together has no single causation."""


class UnknownEventError(Exception):
    """This process does not know this type of event, or the subscriber has no handler for it."""


class UndecodableError(Exception):
    """The payload does not fit its event class."""


class LeaseLostError(Exception):
    """Another worker has taken this delivery over; what was done for it must be rolled back."""


class Retry(Exception):  # noqa: N818  # control flow, not a fault: `raise bus.Retry(after_s=5)`
    """A handler asks to be called again later, as often as needed: this never makes a delivery dead."""

    def __init__(self, reason: str = "asked to be called again", *, after_s: float) -> None:
        """Ask to be called again in `after_s` seconds, at least 0.1."""
        self.after_s = max(after_s, 0.1)
        super().__init__(reason)


class LogUnreachableError(Retry):
    """The database whose log an event is to be copied into does not answer."""

    def __init__(self, target: str, *, after_s: float) -> None:
        """Ask to be called again in `after_s` seconds."""
        super().__init__(f"the database {target} does not answer", after_s=after_s)


class Reject(Exception):  # noqa: N818  # control flow, not a fault: `raise bus.Reject("…")`
    """A handler can never handle this event: it is dead at once and waits for an operator."""


class NoSuchSubscriberError(NotFoundError):
    """No context called "{context}" has a subscription. Those that have: {known}."""

    code = "no_such_subscriber"


class NoSuchDeliveryError(NotFoundError):
    """There is no delivery {delivery_id}: it was handled, or never existed. See `bus dead list`."""

    code = "no_such_delivery"


class DeliveryNotDeadError(ConflictError):
    """Delivery {delivery_id} is not dead: {subscriber} will still handle it. Only dead deliveries can be skipped; see `bus dead list`."""

    code = "delivery_not_dead"


class NotIdempotentError(ConflictError):
    """No handler of {context} is marked `@bus.idempotent`, so no old event is delivered to it again."""

    code = "not_idempotent"


class NoSuchTraceError(NotFoundError):
    """The log has no event of "{what}": give an X-Correlation-ID, or what else `bus trace --help` names."""

    code = "no_such_trace"
