"""Two questions of an orchestrator: whether the process lives, and whether to send it work."""

import logging
from collections.abc import Callable
from dataclasses import asdict
from functools import cache, wraps
from http import HTTPStatus

from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from gdmarket.bus import backlog
from gdmarket.rest import problems

logger = logging.getLogger(__name__)

Probe = Callable[[], HttpResponse]
_SHOWN = 5
# It is asked every few seconds: each backlog is counted to here and no further.
_MOST = 10_000


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
    """Answer whether requests may be sent here: 200, or 503 with what is missing; how far the bus is behind is told beside it."""
    try:
        missing = _missing_migrations()
        return _unready(missing) if missing else JsonResponse({"status": "ready", "missing": [], "bus": _lag()})
    except DatabaseError:
        return _unready(["database"])


def _unready(missing: list[str]) -> JsonResponse:
    shown = missing if len(missing) <= _SHOWN else [*missing[:_SHOWN], f"… {len(missing) - _SHOWN} more"]
    response = JsonResponse({"status": "not ready", "missing": shown}, status=HTTPStatus.SERVICE_UNAVAILABLE)
    response["Retry-After"] = "1"
    return response


def _lag() -> dict[str, dict[str, object]] | None:
    """Return how far the bus is behind; None where that cannot be told, which is no reason to send nobody here."""
    try:
        return {subscriber: asdict(behind) for subscriber, behind in backlog.measure(most=_MOST).items()}
    except DatabaseError:
        logger.warning("how far the bus is behind cannot be told", exc_info=True)
        return None


def _missing_migrations() -> list[str]:
    applied = MigrationRecorder(connection).applied_migrations()
    return [f"migration {app}.{name}" for app, name in sorted(_known_migrations()) if (app, name) not in applied]


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    # They change with the code alone, and are slow to gather.
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).graph.nodes)
