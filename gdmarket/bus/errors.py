"""What the bus refuses, and what a handler may answer instead of returning."""


class OutsideTransactionError(Exception):
    """publish() was called outside a transaction; the event must commit together with the change it tells of."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__("publish() needs the transaction of the change it tells of: call it inside `with transaction.atomic():`")


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


class Reject(Exception):  # noqa: N818  # an answer, not a fault: it reads `raise bus.Reject("…")`
    """A handler can never handle this event: it is dead at once and waits for an operator."""
