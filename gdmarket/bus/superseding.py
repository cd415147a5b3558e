"""Supersede a delivery whose work the caller has just done itself, so that it need not be handled any more."""

from django.db import connections

from gdmarket import statements
from gdmarket.bus import codec, pending_lanes, publishing, routing
from gdmarket.bus.errors import OutsideTransactionError
from gdmarket.bus.sql import lock_of

# The head of a lane, unless another worker holds its row: the worker may wait for a lock that the caller holds.
_SUPERSEDE = """
DELETE FROM bus_delivery WHERE id = (
  SELECT d.id FROM bus_delivery d JOIN bus_event e ON e.seq = d.event_id
  WHERE d.subscriber = %(subscriber)s AND d.lane = %(stream)s AND e.type = %(type)s AND NOT d.dead
    AND NOT EXISTS (SELECT 1 FROM bus_delivery x WHERE x.subscriber = d.subscriber AND x.lane = d.lane AND x.version < d.version)
    AND NOT EXISTS (SELECT 1 FROM bus_subscription p WHERE p.subscriber = d.subscriber AND p.paused)
  {lock})
RETURNING EXISTS (
  SELECT 1 FROM bus_delivery y
  WHERE y.subscriber = bus_delivery.subscriber AND y.lane = bus_delivery.lane AND y.version > bus_delivery.version)
"""


def supersede(event: type, *, subscriber: str, stream: str) -> bool:
    """Delete the delivery of an event to `subscriber`, in the transaction that has just done its work; return whether it was there.

    It must be the first that the subscriber has outstanding of this stream, and of this class. Otherwise nothing is deleted, nor where it
    is dead, the subscriber is paused, a worker is about to settle it, or it was not copied to the subscriber's log yet: then it is
    delivered as ever, and its handler must find that nothing is left to do. A worker that has it leased loses the lease, and what it did is
    rolled back.
    :raises OutsideTransactionError: outside a transaction of the subscriber's database
    """
    using = routing.alias_of(subscriber)
    connection = connections[using]
    if not connection.in_atomic_block:
        raise OutsideTransactionError("supersede() needs the transaction that did the work")
    publishing.write_published(using)
    parameters = {"subscriber": subscriber, "stream": stream, "type": codec.type_of(event)}
    with statements.cursor(connection, keeps_plan=True) as cursor:
        cursor.execute(_SUPERSEDE.format(lock=lock_of("d", using=using)), parameters)
        deleted = cursor.fetchone()
    if deleted is not None and not deleted[0]:
        pending_lanes.discard((subscriber, stream))
    return deleted is not None
