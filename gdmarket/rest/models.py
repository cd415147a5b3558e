"""Requests with an `Idempotency-Key`, how many requests came from whom, and the row that readiness writes."""

from typing import ClassVar

from django.db import models


class IdempotencyKey(models.Model):
    """A key of one caller on one route: the digest of its body, its lease (`run`, `locked_until`), and the response once there is one.

    `owner` is a digest of the caller, by which the number of their keys is bounded.
    """

    scope = models.CharField(max_length=64)
    owner = models.CharField(max_length=64, db_default="")
    key = models.CharField(max_length=255)
    body_digest = models.CharField(max_length=64)
    operation_id = models.UUIDField()
    created_at = models.DateTimeField(db_index=True)
    locked_until = models.DateTimeField()
    run = models.UUIDField()
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["owner", "id"], name="rest_idempotency_key_owner")]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["scope", "key"], name="rest_idempotency_key_once"),
            models.CheckConstraint(
                condition=models.Q(status__isnull=True, body__isnull=True) | models.Q(status__isnull=False, body__isnull=False),
                name="rest_idempotency_key_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.status or 'no response yet'}"


class WriteProbe(models.Model):
    """One row, which readiness writes to see whether a write goes through."""

    written_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"at {self.written_at:%Y-%m-%d %H:%M:%S}"


class RequestCount(models.Model):
    """How many requests came from one caller, a keyed digest, in the window that ends at `ends_at`."""

    subject = models.CharField(primary_key=True, max_length=64)
    count = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.count} until {self.ends_at:%Y-%m-%d %H:%M:%S}"
