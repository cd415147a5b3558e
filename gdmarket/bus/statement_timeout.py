"""What a worker's session on PostgreSQL must keep to."""

import logging
import threading

from django.db import DEFAULT_DB_ALIAS, connections

from gdmarket.bus.claims import LEASE_S

logger = logging.getLogger(__name__)

_STATEMENT_S = 8

_bounded = threading.local()


def limit_statements(*, using: str = DEFAULT_DB_ALIAS) -> None:
    """See to it, once a connection, that a statement gives up before the lease of a delivery in hand does.

    A limit in DATABASE_URL, or of the server's own, holds if it is short enough. Otherwise one is set for this session: to refuse would
    leave everything undelivered for the sake of a setting, and to go on would let a statement work for a lease that is lost.
    """
    connection = connections[using]
    if connection.vendor != "postgresql":
        return
    connection.ensure_connection()
    if getattr(_bounded, using, None) is connection.connection:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'")
        (limit_ms,) = cursor.fetchone()
        if not 0 < limit_ms < LEASE_S * 1000:
            logger.warning("statement_timeout is %d ms; for the relay it is %d s, as a lease lasts %d s", limit_ms, _STATEMENT_S, LEASE_S)
            cursor.execute("SELECT set_config('statement_timeout', %s, false)", [f"{_STATEMENT_S}s"])
    setattr(_bounded, using, connection.connection)
