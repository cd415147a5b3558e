"""What the logs look like, of every process: lines for people (`text`), or one JSON object a line (`json`).

The JSON is made for a place that keeps what many processes say, so that it never tells what somebody typed: of an error it says the kind
and the place, and its words only where they are ours or a connection's.
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
    """Return what `logging` is to be told, in Python's own form; `form` is `text` or `json`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "correlation": {"()": "gdmarket.correlation.CorrelationFilter"},
            "unforeseen": {"()": "config.logs.Unforeseen"},
        },
        "formatters": {
            "text": {"format": "%(asctime)s %(levelname)s %(name)s [%(correlation)s] %(message)s"},
            "json": {"()": "config.logs.JsonLine"},
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": form, "filters": ["correlation"]}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django.request": {"level": "ERROR", "filters": ["unforeseen"]},  # each refusal has its line in the access log already
            "django.security.DisallowedHost": {"level": "CRITICAL"},  # scanners do this all day; the access log has it
            "stripe": {"level": "WARNING"},  # it would write down each call, and what it sends
            "httpcore": {"level": "WARNING"},  # the same
        },
    }


def settings_for_gunicorn(*, form: str, level: str) -> dict[str, Any]:
    """Return the same for gunicorn, which has loggers of its own; nothing for `text`, where it goes on as it likes."""
    if form == "text":
        return {}
    ours = settings_for(form=form, level=level.upper())
    gunicorn = {
        # It writes down each address where it is told to debug.
        "gunicorn.error": {"level": level.upper().replace("DEBUG", "INFO"), "handlers": ["stderr"], "propagate": False},
        # The access log is ours: gunicorn's would tell addresses and whole queries.
        "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
    }
    return ours | {"loggers": ours["loggers"] | gunicorn}


def configure(told: Mapping[str, Any]) -> None:
    """Set up the logs; where they are JSON, warnings and what ends a process become lines of them too."""
    logging.config.dictConfig(dict(told))
    if told["handlers"]["stderr"]["formatter"] == "json":
        logging.captureWarnings(capture=True)
        sys.excepthook = _log_the_end


def _log_the_end(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, where)
    else:
        logging.getLogger("gdmarket").critical("the process ends by an error nobody foresaw", exc_info=(kind, error, where))


class Unforeseen(logging.Filter):
    """Lets through only what comes with an exception."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.exc_info is not None


class JsonLine(JsonFormatter):
    """One JSON object a line: what is not named here is not told, whatever else a record carries."""

    def format(self, record: logging.LogRecord) -> str:
        plain = copy(record)
        plain.exc_text = None  # another formatter's words
        plain.args = tuple(map(_safe, record.args)) if isinstance(record.args, tuple) else record.args
        if isinstance(record.msg, BaseException):
            plain.msg = _safe(record.msg)
        return super().format(plain)

    def formatException(self, ei: Any) -> str:  # noqa: N802  # logging's name
        return "".join(_told(cast("BaseException", ei[1])))

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        log_data["time"] = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        log_data["level"] = record.levelname
        log_data["logger"] = record.name
        log_data["process"] = record.process
        for name in ("correlation", "trace_id", "span_id"):
            if getattr(record, name, "-") != "-":
                log_data[name] = getattr(record, name)
        log_data["message"] = _words(record)
        log_data.update({name: record.__dict__[name] for name in _ACCESS if name in record.__dict__})
        if "exc_info" in message_dict:
            log_data["exception"] = message_dict["exc_info"]


def _words(record: logging.LogRecord) -> str:
    """Return the message; frameworks' own without the address, the header or the caller that they name."""
    if record.name.startswith("django.security."):
        return f"refused: {record.name.removeprefix('django.security.')}"
    if record.name == "django.request":
        return "the request failed"
    if record.name == "gunicorn.error" and record.message.startswith(("Invalid request", "Error handling request")):
        return " ".join(record.message.split()[:2])
    return record.message


def _safe(value: object) -> object:
    return _told_of(value) if isinstance(value, BaseException) else value


def _told(error: BaseException) -> Iterator[str]:
    """Yield the traceback as Python prints it, the cause first, with what may be told of each error instead of its words."""
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None:
        yield from _told(earlier)
        yield "\nand then\n\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{_told_of(error)}\n"


def _told_of(error: BaseException) -> str:
    kind = type(error).__name__
    if type(error).__module__.startswith(_OURS) or kind in {"OperationalError", "InterfaceError"}:
        return f"{kind}: {error}"
    if isinstance(error, OSError) and error.strerror:
        return f"{kind}: {error.strerror}"
    state, diagnosis = getattr(error, "sqlstate", None), getattr(error, "diag", None)
    return f"{kind}: {state} {getattr(diagnosis, 'constraint_name', None) or ''}".rstrip() if state else kind
