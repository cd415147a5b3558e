"""Probes for orchestrators: whether the process is alive, and whether it can serve requests."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from functools import cache, wraps
from http import HTTPStatus
from threading import Lock

from django.db import Error, connections, router
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from gdmarket import databases, shutdown
from gdmarket.bus import backlog
from gdmarket.rest import problems
from gdmarket.rest.write_probe import WriteCheck
from gdmarket.unreachable import UnreachableDatabases

_log = logging.getLogger(__name__)

Probe = Callable[[], HttpResponse]
_MAX_SHOWN = 5
# Probes come every few seconds: a backlog is counted up to here.
_MAX_COUNTED = 10_000
_PATIENCE_S = 1.0
_unreachable = UnreachableDatabases()
_writes = WriteCheck()


def _probe_view(probe: Probe) -> Callable[[HttpRequest], HttpResponse]:
    @csrf_exempt
    @wraps(probe)
    def view(request: HttpRequest) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            detail = _("Only GET and HEAD are answered here.")
            refusal = problems.problem_response(status=HTTPStatus.METHOD_NOT_ALLOWED, code="method_not_allowed", detail=detail)
            refusal["Allow"] = "GET, HEAD"
            return refusal
        response = probe()
        response["Cache-Control"] = "no-store"
        return response

    return view


@_probe_view
def live() -> HttpResponse:
    """Answer that the process runs, without checking anything else."""
    return JsonResponse({"status": "live"})


@_probe_view
def ready() -> HttpResponse:
    """Answer whether this process can serve requests: 200 with the backlog of the bus, or 503 with what is missing.

    A process that is about to end is not ready, though it still serves.
    Only `default`, which holds people and sessions, must be reachable and take a write: without another context's database the other
    contexts still work.
    """
    if shutdown.is_draining():
        return _not_ready(["the server: it is being stopped"])
    default, *others = databases.aliases()
    futures = _check_in_threads(others)
    states = [_check(default), *_results(futures)]
    missing = sorted({name for state in states for name in state.missing})
    if states[0].is_away or missing:
        return _not_ready(["database"] if states[0].is_away else missing)
    if not _writes.is_writable():
        return _not_ready(["a write to the database"])
    away = {"away": [f"database {state.alias}" for state in states if state.is_away]} if others else {}
    return JsonResponse({"status": "ready", "missing": [], **away, "bus": _merged_backlog(states)})


def _not_ready(missing: list[str]) -> JsonResponse:
    shown = missing if len(missing) <= _MAX_SHOWN else [*missing[:_MAX_SHOWN], f"… {len(missing) - _MAX_SHOWN} more"]
    return JsonResponse({"status": "not ready", "missing": shown}, status=HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": "1"})


@dataclass(frozen=True, kw_only=True, slots=True)
class _DatabaseState:
    alias: str
    is_away: bool = False
    missing: Sequence[str] = ()
    backlog: Mapping[str, object] | None = None


_running: dict[str, Future[_DatabaseState]] = {}
_lock = Lock()


def _check_in_threads(aliases: Sequence[str]) -> dict[str, Future[_DatabaseState] | None]:
    """Check databases in threads, each with its own connection: the gateway waits 2 s for a probe, connecting alone may take 5 s.

    One that was just found unreachable is not checked (None), nor is one whose last check is still running started again.
    """
    with _lock:
        for alias in aliases:
            if not _unreachable.remaining_s(alias) and (alias not in _running or _running[alias].done()):
                _running[alias] = _threads(len(aliases)).submit(_check_and_close, alias)
        return {alias: None if _unreachable.remaining_s(alias) else _running[alias] for alias in aliases}


def _results(futures: Mapping[str, Future[_DatabaseState] | None]) -> Iterator[_DatabaseState]:
    """Yield the state of each database; one that does not answer in time is away."""
    wait([future for future in futures.values() if future], timeout=_PATIENCE_S)
    for alias, future in futures.items():
        if future and future.done():
            yield future.result()
            continue
        if future and _unreachable.add(alias, waited_s=_PATIENCE_S):
            _log.warning("the database %s does not answer within %.0f s", alias, _PATIENCE_S)
        yield _DatabaseState(alias=alias, is_away=True)


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="health")


def _check_and_close(alias: str) -> _DatabaseState:
    try:
        return _check(alias)
    finally:
        connections[alias].close()


def _check(alias: str) -> _DatabaseState:
    began_s = time.monotonic()
    try:
        missing = _missing_migrations(alias)
    except Error:
        if _unreachable.add(alias, waited_s=time.monotonic() - began_s):
            _log.warning("the database %s does not answer", alias, exc_info=True)
        return _DatabaseState(alias=alias, is_away=True)
    _unreachable.discard(alias)
    return _DatabaseState(alias=alias, missing=missing, backlog=None if missing else _backlog(alias))


def _missing_migrations(alias: str) -> list[str]:
    applied = MigrationRecorder(connections[alias]).applied_migrations()
    known = [(app, name) for app, name in sorted(_known_migrations()) if router.allow_migrate(alias, app)]
    return [f"migration {app}.{name}" for app, name in known if (app, name) not in applied]


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    # They change only with the code, and are slow to load.
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).graph.nodes)


def _backlog(alias: str) -> dict[str, object] | None:
    """Return the bus's backlog by subscriber; None if it cannot be read, which does not make this process unready."""
    try:
        measured = backlog.measure(limit=_MAX_COUNTED, using=alias)
    except Error:
        _log.warning("the backlog of the bus cannot be read", exc_info=True)
        return None
    return {subscriber: asdict(behind) for subscriber, behind in measured.items()}


def _merged_backlog(states: Sequence[_DatabaseState]) -> dict[str, object] | None:
    """Return the backlog of all reachable databases; None if one of them could not be read."""
    merged: dict[str, object] = {}
    for state in states:
        if not state.is_away:
            if state.backlog is None:
                return None
            merged |= state.backlog
    return merged
