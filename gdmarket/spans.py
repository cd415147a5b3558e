"""OpenTelemetry spans, if OTEL_EXPORTER_OTLP_ENDPOINT is set; otherwise OpenTelemetry is not imported.

A span belongs to the current trace of `gdmarket.correlation`, and for the length of its block is the parent of what correlation passes on:
log lines, published events and outgoing calls. A span holds names, numbers and ids; no URLs with queries, SQL parameters or bodies.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.conf import settings

from gdmarket import __version__, correlation
from gdmarket.correlation import Trace

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

Attributes = Mapping[str, str | int]
_tracers: dict[int, "Tracer"] = {}
_lock = threading.Lock()


def is_on() -> bool:
    """Return whether spans are made."""
    return bool(settings.OTEL_EXPORTER_OTLP_ENDPOINT)


@contextmanager
def root_span(name: str, *, kind: str, trace: Trace, attributes: Attributes) -> Iterator["Span | None"]:
    """Run the block under `trace` in a span whose parent is the sender of the trace; `kind` is OpenTelemetry's.

    Yields the span, or None if spans are off.
    """
    if not is_on():
        with correlation.use(trace):
            yield None
        return
    options = {
        "context": _parent_context(trace.parent),
        "kind": _api().SpanKind[kind.upper()],
        "attributes": _with_correlation(attributes, trace),
    }
    with _open_span(name, trace, **options) as span:
        yield span


@contextmanager
def client_span(name: str, *, attributes: Attributes) -> Iterator["Span | None"]:
    """Run the block as an outgoing call in its own span; yields None if no span is being recorded."""
    if not is_on() or not _api().get_current_span().is_recording():
        yield None
        return
    with _open_span(name, correlation.current(), kind=_api().SpanKind.CLIENT, attributes=dict(attributes)) as span:
        yield span


def annotate(span: "Span | None", *, attributes: Attributes, failed: bool) -> None:
    """Add attributes to a span, if there is one, and its status if it failed."""
    if span is not None:
        span.set_attributes(attributes)
        if failed:
            span.set_status(_api().StatusCode.ERROR)


def record_span(*, name: str, trace: Trace, began_ns: int, attributes: Attributes) -> None:
    """Record a span that has ended now, of work that was done in a batch with other traces."""
    if is_on():
        options = {"kind": _api().SpanKind.CONSUMER, "attributes": _with_correlation(attributes, trace), "start_time": began_ns}
        _tracer().start_span(name, context=_parent_context(trace.parent), **options).end()


def watch_statements(connection: Any, **_: object) -> None:
    """Create a span for each statement of a database connection; a receiver of Django's `connection_created`."""
    if _span_of_statement not in connection.execute_wrappers:
        connection.execute_wrappers.append(_span_of_statement)


def _span_of_statement(execute: Callable[..., Any], sql: str, params: object, many: bool, context: Mapping[str, Any]) -> Any:  # noqa: FBT001  # Django's signature
    system = context["connection"].vendor
    text = str(sql)  # psycopg's SQL may be an object
    attributes = {"db.system.name": system, "db.namespace": context["connection"].alias, "db.query.text": text}
    with client_span((text.split(None, 1) or ["SQL"])[0].upper(), attributes=attributes):
        return execute(sql, params, many, context)


@contextmanager
def _open_span(name: str, trace: Trace, **options: Any) -> Iterator["Span"]:
    # Only the exception's type is recorded: its message may hold private data.
    options |= {"record_exception": False, "set_status_on_exception": False}
    with _tracer().start_as_current_span(name, **options) as span:
        ids = span.get_span_context()
        traceparent = f"00-{ids.trace_id:032x}-{ids.span_id:016x}-{ids.trace_flags:02x}"
        try:
            with correlation.use(replace(trace, traceparent=traceparent)):
                yield span
        except BaseException as failure:
            annotate(span, attributes={"error.type": type(failure).__name__}, failed=True)
            raise


def _tracer() -> "Tracer":
    """Return this process's tracer: its exporter is a thread, which does not survive a fork."""
    with _lock:
        if os.getpid() not in _tracers:
            _tracers[os.getpid()] = _make_tracer()
        return _tracers[os.getpid()]


def _make_tracer() -> "Tracer":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415  # only where spans are wanted
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415  # as above
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415  # as above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415  # as above

    os.environ.setdefault("OTEL_SERVICE_NAME", "gdmarket")
    provider = TracerProvider(resource=Resource.create({"service.version": __version__, "process.pid": os.getpid()}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("gdmarket", __version__)


def _api() -> Any:
    """Return `opentelemetry.trace`, which is imported only if spans are on."""
    return import_module("opentelemetry.trace")


def _parent_context(traceparent: str) -> "Context":
    """Return the context whose parent span is `traceparent`; without one a span begins a new trace."""
    from opentelemetry.context import Context  # noqa: PLC0415  # as above
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415  # as above

    return TraceContextTextMapPropagator().extract({"traceparent": traceparent}, context=Context())


def _with_correlation(attributes: Attributes, trace: Trace) -> dict[str, str | int]:
    return {**attributes, "gdmarket.correlation": trace.correlation}
