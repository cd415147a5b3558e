"""The tables of the bus: events, subscriptions, outstanding deliveries, and the relays' heartbeats."""

from typing import ClassVar

from django.db import models
from django.db.models import Index, Q, UniqueConstraint
from django.db.models.functions import Now

LANE_LENGTH = 128


class Event(models.Model):
    """A fact, as it was published. Append-only: outbox, audit trail and replay source in one.

    `due_at` is when a timer is due, and empty for an event that is delivered at once.
    """

    seq = models.BigAutoField(primary_key=True)
    id = models.UUIDField(unique=True)
    stream = models.CharField(max_length=LANE_LENGTH)
    version = models.PositiveIntegerField()
    type = models.CharField(max_length=128)
    schema = models.PositiveSmallIntegerField()
    payload = models.JSONField()
    correlation = models.CharField(max_length=64, db_index=True)
    causation = models.UUIDField(null=True)
    traceparent = models.CharField(max_length=55)
    actor = models.CharField(max_length=64)
    occurred_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)

    class Meta:
        """A stream's versions are 1, 2, 3 … without a gap; two publishers cannot both take the next one."""

        db_table = "bus_event"
        constraints: ClassVar = [UniqueConstraint(fields=["stream", "version"], name="bus_event_stream_version")]
        indexes: ClassVar = [Index(fields=["type", "seq"], name="bus_event_type_seq")]

    def __str__(self) -> str:
        """Return the type and its version in the stream."""
        return f"{self.type} {self.stream} v{self.version}"


class Subscription(models.Model):
    """A type of event that a context subscribes to. Written by migrate, read by every publisher, whatever its version."""

    subscriber = models.CharField(max_length=64)
    type = models.CharField(max_length=128)
    paused = models.BooleanField(default=False)

    class Meta:
        """One row per subscriber and type."""

        db_table = "bus_subscription"
        constraints: ClassVar = [UniqueConstraint(fields=["type", "subscriber"], name="bus_subscription_type_subscriber")]

    def __str__(self) -> str:
        """Return the subscriber and the type."""
        return f"{self.subscriber} subscribes to {self.type}"


class Delivery(models.Model):
    """An event that a subscriber has not handled yet. The acknowledgement deletes the row.

    `not_before` is delay, backoff and lease in one; `token` is the lease's fencing token. A lane is one subscriber's deliveries of one
    stream, and only its head, the lowest version, can be claimed. A timer is alone in a lane named after its event, with version 0.
    `created_at`, by the database's clock, is later than the event where an old event is delivered again.
    """

    id = models.BigAutoField(primary_key=True)
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="deliveries")
    subscriber = models.CharField(max_length=64)
    lane = models.CharField(max_length=LANE_LENGTH)
    version = models.PositiveIntegerField()
    not_before = models.DateTimeField()
    token = models.UUIDField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    dead = models.BooleanField(default=False)
    error = models.TextField(default="", blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        """Claims scan the unique index; the partial ones find timers that are due, leases that expired, and dead deliveries."""

        db_table = "bus_delivery"
        constraints: ClassVar = [UniqueConstraint(fields=["subscriber", "lane", "version"], name="bus_delivery_lane")]
        indexes: ClassVar = [
            Index(fields=["subscriber", "not_before"], condition=Q(version=0), name="bus_delivery_timer"),
            Index(fields=["subscriber", "not_before"], condition=Q(token__isnull=False), name="bus_delivery_leased"),
            Index(fields=["subscriber"], condition=Q(dead=True), name="bus_delivery_dead"),
            Index(fields=["subscriber"], condition=Q(version=0) & (Q(token__isnull=False) | Q(attempts__gt=0)), name="bus_delivery_tried"),
        ]

    def __str__(self) -> str:
        """Return the subscriber, the lane and the version."""
        return f"{self.subscriber}: {self.lane} v{self.version}"


class Heartbeat(models.Model):
    """When a relay last finished a round for a subscriber, by the database's clock. A thread that hangs in a handler writes none."""

    relay = models.UUIDField()
    subscriber = models.CharField(max_length=64)
    process = models.CharField(max_length=128)
    seen_at = models.DateTimeField()

    class Meta:
        """One row per relay and subscriber."""

        db_table = "bus_heartbeat"
        constraints: ClassVar = [UniqueConstraint(fields=["relay", "subscriber"], name="bus_heartbeat_relay_subscriber")]

    def __str__(self) -> str:
        """Return the process and the subscriber."""
        return f"{self.process} for {self.subscriber}"
