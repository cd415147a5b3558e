"""What PostgreSQL needs: that it writes with care, ends what hangs, and has connections for everybody."""

from django.db.backends.base.base import BaseDatabaseWrapper

from config.doctor.findings import Finding, Findings, Stance, at, fail, ok, warn
from config.doctor.server import server_setting
from gdmarket.bus import registry
from gdmarket.bus.claims import LEASE_S

_CAREFUL = ("fsync", "full_page_writes")
_CARELESS_COMMITS = {"off"}
_LIMITS_MS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
_SETTINGS = (*_CAREFUL, *_LIMITS_MS, "synchronous_commit", "server_encoding", "max_connections", "superuser_reserved_connections")
_NEARLY = 0.8
_SCRAPE = 5  # what config/metrics.py asks at once: bus, breaker, rentals, money, and the database itself


def examine(connection: BaseDatabaseWrapper, what: str, stance: Stance) -> Findings:
    """Look at the server's settings as this session finds them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(_SETTINGS)])
        settings = dict(cursor.fetchall())
        cursor.execute("SELECT pg_is_in_recovery(), (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')")
        is_replica, in_use = cursor.fetchone()
    if is_replica:
        yield fail(what, "is a replica, which takes no writes", "name the primary in DATABASE_URL")
    if settings["server_encoding"] != "UTF8":
        yield fail(f"{what}: encoding", f"is {settings['server_encoding']}", "make it anew: createdb --encoding UTF8 --template template0")
    yield _care(settings, what, stance)
    yield _limits(settings, what)
    yield _connections(settings, what, in_use)


def needed_by_server(*, workers: int, threads: int) -> int:
    """Return how many connections a server may take: one a thread, one that delivers beside them, and those of a scrape of `/metrics`."""
    return workers * (threads + 1) + _SCRAPE


def needed_by_relay() -> int:
    """Return how many connections a relay may take: one for each context, and one that looks after them."""
    return len(registry.subscribers()) + 1


def _care(settings: dict[str, str], what: str, stance: Stance) -> Finding:
    careless = [name for name in _CAREFUL if settings[name] == "off"]
    if settings["synchronous_commit"] in _CARELESS_COMMITS:
        careless.append("synchronous_commit")
    if careless:
        found = f"{', '.join(careless)} off: a crash may lose what was acknowledged"
        return at(stance.strict, f"{what}: durability", found, "switch it on in postgresql.conf")
    return ok(f"{what}: durability", "what was acknowledged survives a crash")


def _limits(settings: dict[str, str], what: str) -> Finding:
    wrong = [name for name in _LIMITS_MS if not 0 < int(settings[name]) < LEASE_S * 1000]
    if wrong:
        found = f"{', '.join(f'{name} is {settings[name]} ms' for name in wrong)}, and a lease lasts {LEASE_S} s"
        remedy = "take options out of DATABASE_URL; where a pooler drops them: ALTER ROLE … SET statement_timeout = '8s'"
        return warn(f"{what}: limits", found, remedy)
    return ok(f"{what}: limits", "what hangs is ended before a lease is")


def _connections(settings: dict[str, str], what: str, in_use: int) -> Finding:
    room = int(settings["max_connections"]) - int(settings["superuser_reserved_connections"])
    server = needed_by_server(workers=server_setting("workers", 1), threads=server_setting("threads", 1))
    relay = needed_by_relay()
    found = f"{room} connections, {in_use} in use; a server takes up to {server}, a relay {relay}"
    remedy = "raise max_connections, or lower GDMARKET_WORKERS or GDMARKET_THREADS"
    if room < server + relay:
        return fail(f"{what}: connections", found, remedy)
    if in_use > room * _NEARLY or room < 2 * server + relay:
        return warn(f"{what}: connections", found, remedy)
    return ok(f"{what}: connections", found)
