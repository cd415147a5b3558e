"""A time limit for a relay's statements on PostgreSQL, below the length of a lease."""

import logging
import threading

from django.db import DEFAULT_DB_ALIAS, connections

from gdmarket.bus.claims import LEASE_S

logger = logging.getLogger(__name__)

_STATEMENT_S = 8

_limited = threading.local()


def limit_statements(*, using: str = DEFAULT_DB_ALIAS) -> None:
    """Make sure, once per connection, that a statement times out before the lease of the delivery it works for expires.

    A limit in DATABASE_URL or of the server is kept if it is short enough. Otherwise one is set for this session: refusing to start would
    leave everything undelivered because of a setting, and without a limit a statement could go on working for a lost lease.
    """
    connection = connections[using]
    if connection.vendor != "postgresql":
        return
    connection.ensure_connection()
    if getattr(_limited, using, None) is connection.connection:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'")
        (limit_ms,) = cursor.fetchone()
        if not 0 < limit_ms < LEASE_S * 1000:
            logger.warning("statement_timeout is %d ms; for the relay it is %d s, as a lease lasts %d s", limit_ms, _STATEMENT_S, LEASE_S)
            cursor.execute("SELECT set_config('statement_timeout', %s, false)", [f"{_STATEMENT_S}s"])
    setattr(_limited, using, connection.connection)
