"""The read model's tables: one row an item, one row a rental, everything already joined, in generations.

A generation is the whole view once. `objects` reads the one that is active; `every` reaches them all. A row whose `version` is 0 waits for
its owner's first fact: another source spoke first. It belongs to nobody yet, so nobody sees it.
"""

from typing import ClassVar, TypeVar

from django.db import models
from django.db.models import Q, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from apps.status_view import domain

Row = TypeVar("Row", bound=models.Model)

FIRST = 1
"""The generation that is read before any was built beside it."""

ONLY = 1
"""The primary key of the one row of `Generations`."""


class Generations(models.Model):
    """The one row that says which generations there are, and how far the one being built has come.

    Readers look at `active` alone, so that one update of this row shows everybody the next generation. Who builds holds a lease:
    `token` until `leased_until`, by the database's clock.
    """

    active = models.PositiveIntegerField(default=FIRST)
    previous = models.PositiveIntegerField(null=True)
    building = models.PositiveIntegerField(null=True)
    newest = models.PositiveIntegerField(default=FIRST)
    step = models.CharField(max_length=20, default="")
    reached = models.UUIDField(null=True)
    built = models.PositiveIntegerField(default=0)
    token = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        """Return which one is read."""
        return f"generation {self.active}"


class _ActiveRows(models.Manager[Row]):
    """The rows of the generation that is active when the statement runs, and of no other."""

    def get_queryset(self) -> models.QuerySet[Row]:
        active = Subquery(Generations.objects.filter(pk=ONLY).values("active"))
        return super().get_queryset().filter(generation=Coalesce(active, FIRST))


class ItemStatus(models.Model):
    """An item, the rental that holds it and that rental's payment."""

    key = models.BigAutoField(primary_key=True)
    generation = models.PositiveIntegerField(default=FIRST, db_default=FIRST)
    id = models.UUIDField(_("item"))
    version = models.PositiveIntegerField(default=0)
    manager_id = models.UUIDField(_("item manager"), null=True)
    name = models.CharField(_("name"), max_length=100, default="")
    category = models.CharField(_("category"), max_length=40, default="")
    place = models.CharField(_("place"), max_length=100, default="")
    daily_price = models.BigIntegerField(_("daily price"), default=0)
    deposit = models.BigIntegerField(_("deposit"), default=0)
    currency = models.CharField(_("currency"), max_length=3, default="")
    state = models.CharField(_("state"), max_length=20, default="")

    availability = models.CharField(_("availability"), max_length=20, default=domain.Availability.AVAILABLE.value)
    current_rental_id = models.UUIDField(_("current rental"), null=True)
    current_state = models.CharField(_("rental state"), max_length=20, null=True)  # noqa: DJ001  # null: there is no current rental
    current_renter_id = models.UUIDField(_("renter"), null=True)
    current_starts_at = models.DateTimeField(_("from"), null=True)
    current_ends_at = models.DateTimeField(_("to"), null=True)
    current_overdue = models.BooleanField(_("overdue"), null=True)
    payment_id = models.UUIDField(_("payment"), null=True)
    payment_state = models.CharField(_("payment state"), max_length=20, null=True)  # noqa: DJ001  # null: there is no payment

    revision = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField(_("updated"), null=True)

    every = models.Manager()
    objects = _ActiveRows()

    class Meta:
        default_manager_name = "objects"
        verbose_name = _("item status")
        verbose_name_plural = _("item statuses")
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["generation", "manager_id", "-id"], name="status_view_item_managed")]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["id", "generation"], name="status_view_item_once"),
            models.CheckConstraint(condition=Q(version=0) | Q(manager_id__isnull=False), name="status_view_item_is_somebodys"),
        ]

    def __str__(self) -> str:
        """Return the item's name."""
        return self.name or str(self.id)


class RentalStatus(models.Model):
    """A rental, its money, and its story as a list of facts. `paid` and `refunded` in minor units of `currency`."""

    key = models.BigAutoField(primary_key=True)
    generation = models.PositiveIntegerField(default=FIRST, db_default=FIRST)
    id = models.UUIDField(_("rental"))
    version = models.PositiveIntegerField(default=0)
    item_id = models.UUIDField(_("item"), null=True)
    item_name = models.CharField(_("item"), max_length=100, default="")
    renter_id = models.UUIDField(_("renter"), null=True)
    manager_id = models.UUIDField(_("item manager"), null=True)
    starts_at = models.DateTimeField(_("from"), null=True)
    ends_at = models.DateTimeField(_("to"), null=True)
    price = models.BigIntegerField(_("price"), default=0)
    currency = models.CharField(_("currency"), max_length=3, default="")
    state = models.CharField(_("state"), max_length=20, default="")
    overdue = models.BooleanField(_("overdue"), default=False)
    cancel_requested = models.BooleanField(_("cancel requested"), default=False)
    payment_id = models.UUIDField(_("payment"), null=True)
    payment_state = models.CharField(_("payment state"), max_length=20, null=True)  # noqa: DJ001  # null: there is no payment
    payment_due_at = models.DateTimeField(_("payment due"), null=True)
    requested_at = models.DateTimeField(_("requested"), null=True)
    paid_at = models.DateTimeField(_("paid on"), null=True)
    handed_over_at = models.DateTimeField(_("handed over"), null=True)
    returned_at = models.DateTimeField(_("returned"), null=True)
    closed_at = models.DateTimeField(_("closed"), null=True)

    payments = models.JSONField(default=dict)
    paid = models.BigIntegerField(_("paid"), default=0)
    refunded = models.BigIntegerField(_("refunded"), default=0)
    timeline = models.JSONField(_("timeline"), default=list)

    revision = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField(_("updated"), null=True)

    every = models.Manager()
    objects = _ActiveRows()

    class Meta:
        default_manager_name = "objects"
        verbose_name = _("rental status")
        verbose_name_plural = _("rental statuses")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["generation", "renter_id", "-requested_at", "id"], name="status_view_rental_rented"),
            models.Index(fields=["generation", "manager_id", "-requested_at", "id"], name="status_view_rental_managed"),
            models.Index(fields=["generation", "item_id"], condition=Q(state__in=domain.OPEN), name="status_view_rental_holding"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["id", "generation"], name="status_view_rental_once"),
            models.CheckConstraint(
                condition=Q(version=0)
                | Q(
                    item_id__isnull=False,
                    renter_id__isnull=False,
                    manager_id__isnull=False,
                    starts_at__isnull=False,
                    ends_at__isnull=False,
                    payment_due_at__isnull=False,
                    requested_at__isnull=False,
                ),
                name="status_view_rental_is_whole",
            ),
        ]

    def __str__(self) -> str:
        """Return what is rented."""
        return self.item_name or str(self.id)
