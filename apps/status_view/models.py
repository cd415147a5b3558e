"""The read model's tables: one row an item, one row a rental, everything already joined.

A row whose `version` is 0 waits for its owner's first fact: another source's fact came first. It belongs to nobody yet, so nobody sees it.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.rentals.contracts import RentalSnapshot
from apps.status_view import domain
from gdmarket.contracts import columns_of
from gdmarket.text_columns import FoldedField, NameField


class Rebuild(models.Model):
    """How far a rebuild has come, in one row: all rows of `step` up to `last_id` are done. `step` is empty when none is under way.

    The process that rebuilds holds a lease: `token` until `leased_until`, by the database's clock.
    """

    step = models.CharField(max_length=20, default="")
    last_id = models.UUIDField(null=True)
    rows_done = models.PositiveIntegerField(default=0)
    token = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        """Return how far it is."""
        return f"{self.step or 'none'}, {self.rows_done} rows"


class ItemStatus(models.Model):
    """An item, the rental that holds it and that rental's payment."""

    id = models.UUIDField(_("item"), primary_key=True)
    version = models.PositiveIntegerField(default=0)
    manager_id = models.UUIDField(_("item manager"), null=True)
    name = NameField(_("name"), max_length=100, default="")
    category = NameField(_("category"), max_length=40, default="")
    place = NameField(_("place"), max_length=100, default="")
    daily_price = models.BigIntegerField(_("daily price"), default=0)
    deposit = models.BigIntegerField(_("deposit"), default=0)
    currency = models.CharField(_("currency"), max_length=3, default="")
    state = models.CharField(_("state"), max_length=20, default="")
    thumbnail = models.CharField(max_length=100, null=True)  # noqa: DJ001  # null: it has no photo
    # What searches compare; null in a row that the version before wrote.
    search_text = FoldedField(of=("name", "category", "place"), null=True)
    category_key = FoldedField(of=("category",), null=True)

    availability = models.CharField(_("availability"), max_length=20, default=domain.ItemAvailability.AVAILABLE.value)
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

    class Meta:
        verbose_name = _("item status")
        verbose_name_plural = _("item statuses")
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["manager_id", "-id"], name="status_view_item_manager")]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(version=0) | Q(manager_id__isnull=False), name="status_view_item_is_somebodys"),
        ]

    def __str__(self) -> str:
        """Return the item's name."""
        return self.name or str(self.id)


class RentalStatus(models.Model):
    """A rental, its money, and its timeline of facts. `paid` and `refunded` in minor units of `currency`.

    Declared are the columns with a name for people or a length; further fields of the rental's contract are added below.
    """

    id = models.UUIDField(_("rental"), primary_key=True)
    version = models.PositiveIntegerField(default=0)
    item_id = models.UUIDField(_("item"), null=True)
    item_name = NameField(_("item"), max_length=100, default="")
    search_text = FoldedField(of=("item_name",), null=True)
    renter_id = models.UUIDField(_("renter"), null=True)
    manager_id = models.UUIDField(_("item manager"), null=True)
    starts_at = models.DateTimeField(_("from"), null=True)
    ends_at = models.DateTimeField(_("to"), null=True)
    price = models.BigIntegerField(_("price"), default=0)
    currency = models.CharField(_("currency"), max_length=3, default="")
    state = models.CharField(_("state"), max_length=20, default="")
    overdue = models.BooleanField(_("overdue"), default=False)
    cancel_requested = models.BooleanField(_("cancel requested"), default=False)
    cancelled_by = models.CharField(_("cancelled by"), max_length=20, null=True)  # noqa: DJ001  # null: nobody cancelled
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

    class Meta:
        verbose_name = _("rental status")
        verbose_name_plural = _("rental statuses")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["renter_id", "-requested_at", "id"], name="status_view_rental_renter"),
            models.Index(fields=["manager_id", "-requested_at", "id"], name="status_view_rental_manager"),
            models.Index(fields=["manager_id", "state", "-requested_at", "id"], name="status_view_rental_state"),
            models.Index(fields=["item_id", "-requested_at", "id"], name="status_view_rental_item"),
            models.Index(fields=["item_id"], condition=Q(state__in=domain.OPEN), name="status_view_rental_open"),
            models.Index(fields=["manager_id", "ends_at"], condition=Q(paid_at__isnull=False), name="status_view_rental_paid_of"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
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


for _name, _column in columns_of(RentalSnapshot).items():
    if _name in domain.RENTAL_PART and _name not in vars(RentalStatus):
        RentalStatus.add_to_class(_name, _column)
