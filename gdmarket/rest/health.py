"""Two questions of an orchestrator: whether the process lives, and whether to send it work."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from functools import cache, wraps
from http import HTTPStatus
from threading import Lock

from django.db import DatabaseError, connections, router
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from gdmarket import databases
from gdmarket.bus import backlog
from gdmarket.rest import problems
from gdmarket.unreachable import UnreachableDatabases

logger = logging.getLogger(__name__)

Probe = Callable[[], HttpResponse]
_SHOWN = 5
# It is asked every few seconds: each backlog is counted to here and no further.
_MOST = 10_000
_PATIENCE_S = 1.0
_unreachable = UnreachableDatabases()


def _asked_by_get(probe: Probe) -> Callable[[HttpRequest], HttpResponse]:
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


@_asked_by_get
def live() -> HttpResponse:
    """Answer that the process runs; nothing else is looked at."""
    return JsonResponse({"status": "live"})


@_asked_by_get
def ready() -> HttpResponse:
    """Answer whether requests may be sent here: 200, or 503 with what is missing; how far the bus is behind is told beside it.

    Only `default` must be there, in which people and sessions are: where another context's database is away, the rest goes on without it.
    """
    default, *others = databases.aliases()
    asked = _ask(others)
    found = [_look_at(default), *_answers(asked)]
    away = [look.using for look in found if look.is_away]
    missing = sorted({name for look in found for name in look.missing})
    if found[0].is_away:
        return _unready(["database"])
    if missing:
        return _unready(missing)
    told = {"away": [f"database {using}" for using in away]} if others else {}
    return JsonResponse({"status": "ready", "missing": [], **told, "bus": _lag(found)})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Look:
    using: str
    is_away: bool = False
    missing: Sequence[str] = ()
    behind: Mapping[str, object] | None = None


_running: dict[str, Future[_Look]] = {}
_lock = Lock()


def _ask(others: Sequence[str]) -> dict[str, Future[_Look] | None]:
    """Ask databases in threads, whose connections are their own: the gateway waits 2 s for a probe, connecting alone may take 5 s.

    One that was just found away is not asked, lest the probe waits for it again and again; nor is one that still owes an answer.
    """
    with _lock:
        for using in others:
            if not _unreachable.remaining_s(using) and (using not in _running or _running[using].done()):
                _running[using] = _threads(len(others)).submit(_look_and_leave, using)
        return {using: None if _unreachable.remaining_s(using) else _running[using] for using in others}


def _answers(asked: Mapping[str, Future[_Look] | None]) -> Iterator[_Look]:
    """Yield what each answered; whoever has not in time is away."""
    wait([future for future in asked.values() if future], timeout=_PATIENCE_S)
    for using, future in asked.items():
        if future and future.done():
            yield future.result()
            continue
        if future and _unreachable.add(using, waited_s=_PATIENCE_S):
            logger.warning("the database %s does not answer within %.0f s", using, _PATIENCE_S)
        yield _Look(using=using, is_away=True)


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="health")


def _look_and_leave(using: str) -> _Look:
    try:
        return _look_at(using)
    finally:
        connections[using].close()


def _look_at(using: str) -> _Look:
    began_s = time.monotonic()
    try:
        missing = _missing_migrations(using)
    except DatabaseError:
        if _unreachable.add(using, waited_s=time.monotonic() - began_s):
            logger.warning("the database %s does not answer", using, exc_info=True)
        return _Look(using=using, is_away=True)
    _unreachable.discard(using)
    return _Look(using=using, missing=missing, behind=None if missing else _behind(using))


def _unready(missing: list[str]) -> JsonResponse:
    shown = missing if len(missing) <= _SHOWN else [*missing[:_SHOWN], f"… {len(missing) - _SHOWN} more"]
    response = JsonResponse({"status": "not ready", "missing": shown}, status=HTTPStatus.SERVICE_UNAVAILABLE)
    response["Retry-After"] = "1"
    return response


def _lag(found: Sequence[_Look]) -> dict[str, object] | None:
    there = [look.behind for look in found if not look.is_away]
    known = [behind for behind in there if behind is not None]
    return {subscriber: told for behind in known for subscriber, told in behind.items()} if len(known) == len(there) else None


def _behind(using: str) -> dict[str, object] | None:
    """Return how far the bus is behind; None where that cannot be told, which is no reason to send nobody here."""
    try:
        measured = backlog.measure(most=_MOST, using=using)
    except DatabaseError:
        logger.warning("how far the bus is behind cannot be told", exc_info=True)
        return None
    return {subscriber: asdict(behind) for subscriber, behind in measured.items()}


def _missing_migrations(using: str) -> list[str]:
    applied = MigrationRecorder(connections[using]).applied_migrations()
    known = [(app, name) for app, name in sorted(_known_migrations()) if router.allow_migrate(using, app)]
    return [f"migration {app}.{name}" for app, name in known if (app, name) not in applied]


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    # They change with the code alone, and are slow to gather.
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).graph.nodes)
