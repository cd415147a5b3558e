"""Two questions of an orchestrator: whether the process lives, and whether to send it work."""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from functools import cache, wraps
from http import HTTPStatus

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, router
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from gdmarket import homes
from gdmarket.away import Away
from gdmarket.bus import backlog
from gdmarket.rest import problems

logger = logging.getLogger(__name__)

Probe = Callable[[], HttpResponse]
_SHOWN = 5
# It is asked every few seconds: each backlog is counted to here and no further.
_MOST = 10_000
_away = Away()


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
    found = [_look_at(using) for using in homes.aliases()]
    away = [look.using for look in found if look.is_away]
    missing = sorted({name for look in found for name in look.missing})
    if found[0].is_away:
        return _unready(["database"])
    if missing:
        return _unready(missing)
    told = {"away": [f"database {using}" for using in away]} if len(found) > 1 else {}
    return JsonResponse({"status": "ready", "missing": [], **told, "bus": _lag(away)})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Look:
    using: str
    is_away: bool = False
    missing: Sequence[str] = ()


def _look_at(using: str) -> _Look:
    """Look at a database; not at one that was just found away, lest the probe waits for it again and again."""
    if using != DEFAULT_DB_ALIAS and _away.left_s(using):
        return _Look(using=using, is_away=True)
    began_s = time.monotonic()
    try:
        missing = _missing_migrations(using)
    except DatabaseError:
        if _away.note(using, waited_s=time.monotonic() - began_s):
            logger.warning("the database %s does not answer", using, exc_info=True)
        return _Look(using=using, is_away=True)
    _away.forget(using)
    return _Look(using=using, missing=missing)


def _unready(missing: list[str]) -> JsonResponse:
    shown = missing if len(missing) <= _SHOWN else [*missing[:_SHOWN], f"… {len(missing) - _SHOWN} more"]
    response = JsonResponse({"status": "not ready", "missing": shown}, status=HTTPStatus.SERVICE_UNAVAILABLE)
    response["Retry-After"] = "1"
    return response


def _lag(away: Collection[str]) -> dict[str, dict[str, object]] | None:
    """Return how far the bus is behind; None where that cannot be told, which is no reason to send nobody here."""
    there = [using for using in homes.aliases() if using not in away]
    try:
        measured = [backlog.measure(most=_MOST, using=using) for using in there]
    except DatabaseError:
        logger.warning("how far the bus is behind cannot be told", exc_info=True)
        return None
    return {subscriber: asdict(behind) for found in measured for subscriber, behind in found.items()}


def _missing_migrations(using: str) -> list[str]:
    applied = MigrationRecorder(connections[using]).applied_migrations()
    known = [(app, name) for app, name in sorted(_known_migrations()) if router.allow_migrate(using, app)]
    return [f"migration {app}.{name}" for app, name in known if (app, name) not in applied]


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    # They change with the code alone, and are slow to gather.
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).graph.nodes)
