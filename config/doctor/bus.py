"""The bus: who hears what, who delivers, and what has not been delivered."""

from config.doctor.findings import Finding, Findings, Stance, at, fail, ok, warn
from gdmarket import databases
from gdmarket.bus import backlog, registry
from gdmarket.bus.backlog import Backlog
from gdmarket.bus.models import Subscription
from gdmarket.console import format_duration

_MOST = 10_000
_LATE_S, _VERY_LATE_S = 60.0, 600.0
_RELAY_GONE_S = 60.0


def subscriptions(_stance: Stance) -> Findings:
    """Look whether what is written down of who hears what is what the code says."""
    known = set(registry.subscribers())
    # Each stands in the log beside its own tables; forwarders are none of the code's subscribers.
    rows = (Subscription.objects.using(alias).filter(subscriber__in=known) for alias in databases.aliases())
    written = {pair for of_one_log in rows for pair in of_one_log.values_list("subscriber", "type")}
    wanted = set(registry.subscriptions())
    apart = sorted(f"{subscriber} of {name}" for subscriber, name in wanted ^ written)
    if apart:
        found = f"{len(apart)} differ from the code's, {apart[0]} among them"
        yield fail("subscriptions", found, "run manage.py migrate, which writes them")
    else:
        yield ok("subscriptions", f"{len(wanted)}, as the code says")


def deliveries(stance: Stance) -> Findings:
    """Look how far each context is behind, and who works for it."""
    measured = backlog.measure(most=_MOST)
    for subscriber, behind in measured.items():
        yield _behind(subscriber, behind)
    gone = sorted(name for name, behind in measured.items() if behind.relay_seen_s is None or behind.relay_seen_s > _RELAY_GONE_S)
    if gone:
        found = f"none has come round for {', '.join(gone)} within a minute: nothing happens late, as expiring"
        yield at(stance.strict, "relay", found, "start manage.py relay, or a server with GDMARKET_RELAY=beside")
    else:
        yield ok("relay", "comes round for every context")


def _behind(subscriber: str, behind: Backlog) -> Finding:
    what = f"deliveries to {subscriber}"
    if behind.dead:
        return fail(what, f"{behind.dead} are dead", "manage.py bus dead; mend the cause; manage.py bus dead replay")
    if behind.paused:
        return warn(what, f"are paused, {behind.pending} wait", f"manage.py bus resume {subscriber}")
    if behind.oldest_age_s > _LATE_S:
        level = fail if behind.oldest_age_s > _VERY_LATE_S else warn
        found = f"{behind.pending} wait, the oldest for {format_duration(behind.oldest_age_s)}"
        return level(what, found, "manage.py bus status --watch: does it shrink? If not, look at the relay's log; more relays deliver more")
    return ok(what, f"{behind.pending} wait, {behind.timers} timers")


CHECKS = (subscriptions, deliveries)
