"""How the system does, for operators: what is outstanding, whether the payment provider is called, and whose money is not settled."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _

from apps.payments import queries as payments
from config.desk.away import read_or_none
from gdmarket import clock, databases
from gdmarket.admin import format_money, is_operator
from gdmarket.breaker import store
from gdmarket.bus import backlog
from gdmarket.bus.backlog import Backlog

MOST = 1000
"""No delivery beyond so many of a subscriber is counted."""

RELAY_MISSED_S = 60.0
"""A relay writes its heartbeat every 5 s."""

_CIRCUITS = {"closed": _("Working"), "open": _("Not called"), "half_open": _("Being tried")}
_PARTS = {
    "items": _("Items"),
    "rentals": _("Rentals"),
    "payments": _("Payments"),
    "status_view": _("Status view"),
}
_MONEY = {
    "pending": _("Payments in progress"),
    "unknown": _("Payments whose outcome is not known"),
    "refund": _("Refunds to be made"),
}


def show(request: HttpRequest) -> HttpResponse:
    """Show the page.

    :raises PermissionDenied: to who is no operator
    """
    if not is_operator(request.user):
        raise PermissionDenied
    logs = {alias: read_or_none(partial(backlog.measure, limit=MOST, using=alias)) for alias in databases.aliases()}
    shown = {
        "title": _("System"),
        "subscribers": [_subscriber(name, found) for found_there in logs.values() for name, found in (found_there or {}).items()],
        "logs_away": [alias for alias, found_there in logs.items() if found_there is None],
        "circuits": read_or_none(lambda: list(_circuits())),
        "money": read_or_none(lambda: list(_money())),
        "may_be_more": MOST,
    }
    return TemplateResponse(request, "desk/system.html", {**admin.site.each_context(request), **shown})


def _subscriber(name: str, found: Backlog) -> dict[str, Any]:
    is_seen = found.relay_seen_s is not None and found.relay_seen_s < RELAY_MISSED_S
    return {
        "name": name,
        "label": _PARTS.get(name, name),
        "pending": found.pending,
        "oldest_s": round(found.oldest_age_s),
        "timers": found.timers,
        "dead": found.dead,
        "paused": found.paused,
        "is_seen": is_seen,
        "is_well": is_seen and not found.dead and not found.paused,
    }


def _circuits() -> Iterator[dict[str, Any]]:
    for name, circuit in store.list_circuits().items():
        yield {
            "name": name,
            "label": _PARTS.get(name, name),
            "state": _CIRCUITS.get(str(circuit.state), circuit.state),
            "is_well": circuit.state == "closed",
            "reason": circuit.reason,
            "left_s": round(circuit.left_s) if circuit.left_s else None,
        }


def _money() -> Iterator[dict[str, Any]]:
    now = clock.now()
    for row in payments.list_at_risk():
        yield {
            "kind": _MONEY.get(row.kind, row.kind),
            "count": row.count,
            "sum": format_money(row.amount, row.currency),
            "oldest": timesince(row.oldest_at, now, depth=1),
        }
