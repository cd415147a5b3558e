"""Logging of every process: lines for people (`text`), or one JSON object a line (`json`).

The JSON goes to a log collector, so it never has user input: of an exception it has the type and the traceback, and the message only if it
is our own or a connection's.
"""

import logging
import logging.config
import sys
import traceback
from collections.abc import Iterator, Mapping
from copy import copy
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, cast

from pythonjsonlogger.json import JsonFormatter

_ACCESS = ("method", "route", "status", "took_ms", "actor")
_OURS = ("apps.", "config.", "gdmarket.")


def settings_for(*, form: str, level: int | str) -> dict[str, Any]:
    """Return a configuration for `logging.config.dictConfig`; `form` is `text` or `json`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "correlation": {"()": "gdmarket.correlation.CorrelationFilter"},
            "with_exception": {"()": "config.logs.WithException"},
        },
        "formatters": {
            "text": {"format": "%(asctime)s %(levelname)s %(name)s [%(correlation)s] %(message)s"},
            "json": {"()": "config.logs.JsonLine"},
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": form, "filters": ["correlation"]}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django.request": {"level": "ERROR", "filters": ["with_exception"]},  # the access log has every refusal
            "django.security": {"level": "CRITICAL"},  # anybody causes these by a request; the access log has every refusal
            "django.security.csrf": {"level": "WARNING"},  # a misconfigured proxy causes these
            "stripe": {"level": "WARNING"},  # it would log each call with its payload
            "httpcore": {"level": "WARNING"},  # the same
        },
    }


def settings_for_gunicorn(*, form: str, level: str) -> dict[str, Any]:
    """Return the same for gunicorn, which has loggers of its own; empty for `text`, where its defaults are fine."""
    if form == "text":
        return {}
    ours = settings_for(form=form, level=level.upper())
    gunicorn = {
        # At DEBUG it logs each URL.
        "gunicorn.error": {"level": level.upper().replace("DEBUG", "INFO"), "handlers": ["stderr"], "propagate": False},
        # The access log is ours: gunicorn's has whole URLs.
        "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
    }
    return ours | {"loggers": ours["loggers"] | gunicorn}


def configure(config: Mapping[str, Any]) -> None:
    """Set up logging; in JSON, warnings and the exception that ends a process are log lines too."""
    logging.config.dictConfig(dict(config))
    if config["handlers"]["stderr"]["formatter"] == "json":
        logging.captureWarnings(capture=True)
        sys.excepthook = _log_uncaught


def _log_uncaught(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, where)
    else:
        logging.getLogger("gdmarket").critical("the process ends by an uncaught exception", exc_info=(kind, error, where))


class WithException(logging.Filter):
    """Passes records with an exception only."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.exc_info is not None


class JsonLine(JsonFormatter):
    """One JSON object a line, with the fields named here and no others."""

    def format(self, record: logging.LogRecord) -> str:
        plain = copy(record)
        plain.exc_text = None  # cached by another formatter
        plain.args = tuple(map(_safe, record.args)) if isinstance(record.args, tuple) else record.args
        if isinstance(record.msg, BaseException):
            plain.msg = _safe(record.msg)
        return super().format(plain)

    def formatException(self, ei: Any) -> str:  # noqa: N802  # logging's name
        return "".join(_format_exception(cast("BaseException", ei[1])))

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        log_data["time"] = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        log_data["level"] = record.levelname
        log_data["logger"] = record.name
        log_data["process"] = record.process
        for name in ("correlation", "trace_id", "span_id"):
            if getattr(record, name, "-") != "-":
                log_data[name] = getattr(record, name)
        log_data["message"] = _message_of(record)
        log_data.update({name: record.__dict__[name] for name in _ACCESS if name in record.__dict__})
        if "exc_info" in message_dict:
            log_data["exception"] = message_dict["exc_info"]


def _message_of(record: logging.LogRecord) -> str:
    """Return the message; frameworks' own without the URL, header or client in them."""
    if record.name.startswith("django.security."):
        return f"refused: {record.name.removeprefix('django.security.')}"
    if record.name == "django.request":
        return "the request failed"
    if record.name == "gunicorn.error" and record.message.startswith(("Invalid request", "Error handling request")):
        return " ".join(record.message.split()[:2])
    return record.message


def _safe(value: object) -> object:
    return _describe(value) if isinstance(value, BaseException) else value


def _format_exception(error: BaseException) -> Iterator[str]:
    """Yield the traceback as Python prints it, the cause first, with `_describe` instead of each message."""
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None:
        yield from _format_exception(earlier)
        yield "\nand then\n\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{_describe(error)}\n"


def _describe(error: BaseException) -> str:
    kind = type(error).__name__
    if type(error).__module__.startswith(_OURS) or kind in {"OperationalError", "InterfaceError"}:
        return f"{kind}: {error}"
    if isinstance(error, OSError) and error.strerror:
        return f"{kind}: {error.strerror}"
    state, diagnosis = getattr(error, "sqlstate", None), getattr(error, "diag", None)
    return f"{kind}: {state} {getattr(diagnosis, 'constraint_name', None) or ''}".rstrip() if state else kind
