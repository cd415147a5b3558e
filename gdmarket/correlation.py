"""Correlation ids and W3C traces: one context variable, carried from the request to the last handler of its events."""

import logging
import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from gdmarket import ids

_CORRELATION = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
# Source: W3C Trace Context, section 3.2.2: version 00, and neither id may be all zeros.
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """The correlation id, the event that caused the current work (`causation`), the W3C trace and who acts.

    `traceparent` is passed on to calls and events; `parent` is the one that was received, if any.
    """

    correlation: str
    causation: UUID | None = None
    traceparent: str
    parent: str = ""
    actor: str = ""


_current: ContextVar[Trace | None] = ContextVar("gdmarket_trace", default=None)


def start(*, correlation: str | None = None, traceparent: str | None = None) -> Trace:
    """Return a trace from what a caller sent; a missing or malformed value is replaced by a new one.

    A correlation id is 1 to 64 characters of `[A-Za-z0-9._-]`; a valid `traceparent` keeps its trace id and gets a new span id.
    """
    if not correlation or not _CORRELATION.match(correlation):
        correlation = str(ids.uuid7())
    parent = traceparent if traceparent and _TRACEPARENT.match(traceparent) else ""
    made = secrets.token_hex(24)
    return Trace(correlation=correlation, traceparent=f"00-{parent[3:35] or made[:32]}-{made[32:]}-01", parent=parent)


def current() -> Trace:
    """Return the current trace, starting one if there is none."""
    trace = _current.get()
    if trace is None:
        trace = start()
        _current.set(trace)
    return trace


class use:  # noqa: N801  # it reads as a function; as a generator it would take three times as long, and every request does it
    """Make `trace` the current one for the length of the block."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def __enter__(self) -> Trace:
        self._token = _current.set(self._trace)
        return self._trace

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


def act_as(actor: str) -> None:
    """Make `actor` who acts, until the end of the block in which the current trace is used."""
    now = current()
    _current.set(Trace(correlation=now.correlation, causation=now.causation, traceparent=now.traceparent, parent=now.parent, actor=actor))


class CorrelationFilter(logging.Filter):
    """Adds the current correlation, trace and span ids to every log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the ids, or dashes if there is no trace; keep every record."""
        trace = _current.get()
        record.correlation = trace.correlation if trace else "-"
        record.trace_id = trace.traceparent[3:35] if trace else "-"
        record.span_id = trace.traceparent[36:52] if trace else "-"
        return True
