"""Rentals' tables. Migration 0002 adds the constraint that no item is rented twice at once."""

from datetime import timedelta

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.rentals.domain import RentalParty, RentalState
from gdmarket import clock
from gdmarket.ids import uuid7
from gdmarket.text_columns import FoldedField, NameField


class Guest(models.Model):
    """A renter without an account, as the manager wrote them down at the desk: nobody signs in as one.

    Who they are stands here alone, and in no event; the row is deleted some time after the rental is over. The id is that of no person:
    `domain.is_guest` tells.
    """

    renter_id = models.UUIDField(primary_key=True)
    name = NameField(max_length=100)
    contact = models.CharField(max_length=100, blank=True)
    search_text = FoldedField(of=("name", "contact"))
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        """Return the name."""
        return self.name


class Listing(models.Model):
    """Rentals' copy of an item. The row is also the lock under which an item's rentals change."""

    item_id = models.UUIDField(primary_key=True)
    manager_id = models.UUIDField()
    name = models.CharField(max_length=100)
    daily_price = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    withdrawn = models.BooleanField(default=False)
    # Null is no.
    paused = models.BooleanField(null=True)
    # No block ends later. Null: there was none.
    blocked_until = models.DateTimeField(null=True)
    version = models.PositiveIntegerField()

    class Meta:
        """The index of a manager's items by name."""

        indexes = (models.Index(fields=["manager_id", "name", "item_id"], name="rentals_listings_of_manager"),)

    def __str__(self) -> str:
        """Return the item's name."""
        return self.name


class Block(models.Model):
    """A half-open period `[starts_at, ends_at)` in which an item is not rented, as its manager says; the row goes when it is lifted.

    It is written, and looked for by requests, under the lock of the item's listing.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    item_id = models.UUIDField(_("item"))
    manager_id = models.UUIDField(_("manager"))
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("to"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    blocked_by = models.UUIDField(_("blocked by"))
    created_at = models.DateTimeField(_("blocked at"))

    class Meta:
        """Names, indexes and the constraint."""

        verbose_name = verbose_name_plural = _("blocked days")
        indexes = (
            models.Index(fields=["item_id", "ends_at"], name="rentals_blocks_of_item"),
            models.Index(fields=["manager_id", "-ends_at", "-id"], name="rentals_blocks_of_manager"),
            models.Index(fields=["-ends_at", "-id"], name="rentals_blocks"),
        )
        constraints = (models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="rentals_block_forward"),)

    def __str__(self) -> str:
        """Return the first day and the last, where the market is; of one day that alone."""
        first, last = clock.day_of(self.starts_at), clock.day_of(self.ends_at - timedelta.resolution)
        return str(first) if first == last else f"{first} – {last}"


class Renter(models.Model):
    """A renter as far as rentals counts: the row is the lock under which their unpaid holds and declined payments are counted.

    `declines` are the declined payments of the last hour, `[rental's id, instant]` each.
    """

    renter_id = models.UUIDField(primary_key=True)
    declines = models.JSONField(default=list)

    def __str__(self) -> str:
        """Return the renter's id."""
        return str(self.renter_id)


class ListingManager(models.Model):
    """Whether an item manager is suspended, as of the newest `version` that accounts published. Most have no row: they are not."""

    manager_id = models.UUIDField(primary_key=True)
    is_suspended = models.BooleanField()
    version = models.PositiveIntegerField()

    def __str__(self) -> str:
        """Return the manager and the standing."""
        return f"{self.manager_id}: {'suspended' if self.is_suspended else 'in good standing'}"


class ListingVersion(models.Model):
    """What an item was at one of its versions, kept as long as it is the newest or a rental agreed to it."""

    item_id = models.UUIDField()
    version = models.PositiveIntegerField()
    name = models.CharField(max_length=100)
    description = models.TextField()
    category = models.CharField(max_length=40)
    place = models.CharField(max_length=100)
    latitude = models.FloatField()
    longitude = models.FloatField()
    deposit = models.PositiveBigIntegerField()

    class Meta:
        """The key."""

        constraints = (models.UniqueConstraint(fields=["item_id", "version"], name="rentals_listing_version"),)

    def __str__(self) -> str:
        """Return the item's name and version."""
        return f"{self.name} {self.version}"


class Rental(models.Model):
    """One renter, one item, one half-open period `[starts_at, ends_at)`; `price` in minor units of `currency`.

    `operation` is the id of the latest command, by which a repeated command is recognised. `began_at` and `ended_at` say when it was
    recorded that the period of a paid rental began and that it ended; `closed_at` is null until the rental is over. `hold_limit_at` is
    the latest moment until which the period may be held unpaid, null where an earlier version wrote the row. `could_not_pay` says that
    it was not the renter's doing if it was not paid: the provider failed at the last attempt, or the manager was suspended.
    `in_cash` says that the latest attempt to pay is cash at the desk. Null in these two and in `cancelled_payments`, of which there are
    `domain.CANCELLED_PAYMENTS` at most, is no and none.
    """

    GUARDS = {"postgresql": ["rentals_no_overlap"], "sqlite": ["rentals_no_overlap_insert", "rentals_no_overlap_update"]}

    class States(models.TextChoices):
        """The states of `domain.RentalState`, with their labels."""

        REQUESTED = RentalState.REQUESTED.value, _("requested")
        PAYING = RentalState.PAYING.value, _("paying")
        PAID = RentalState.PAID.value, _("paid")
        REFUNDING = RentalState.REFUNDING.value, _("refunding")
        RENTED = RentalState.RENTED.value, _("rented")
        RETURNED = RentalState.RETURNED.value, _("returned")
        CANCELLED = RentalState.CANCELLED.value, _("cancelled")
        EXPIRED = RentalState.EXPIRED.value, _("expired")
        NO_SHOW = RentalState.NO_SHOW.value, _("not fetched")

    class Parties(models.TextChoices):
        """Who may have cancelled, of `domain.RentalParty`, with their labels."""

        RENTER = RentalParty.RENTER.value, _("renter")
        MANAGER = RentalParty.MANAGER.value, _("manager")
        OPERATOR = RentalParty.OPERATOR.value, _("operator")
        SYSTEM = RentalParty.SYSTEM.value, _("system")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    item_id = models.UUIDField(_("item"), db_index=True)
    item_name = NameField(_("item"), max_length=100)
    # Null in a row that the version before wrote.
    search_text = FoldedField(of=("item_name",), null=True)
    item_version = models.PositiveIntegerField(null=True)
    item_changed_at = models.DateTimeField(_("item changed"), null=True)
    renter_id = models.UUIDField(_("renter"))
    manager_id = models.UUIDField(_("manager"))
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("to"))
    price = models.PositiveBigIntegerField(_("price"))
    currency = models.CharField(_("currency"), max_length=3)
    state = models.CharField(_("state"), max_length=9, choices=States.choices, default=RentalState.REQUESTED.value)
    payment_due_at = models.DateTimeField(_("to be paid by"))
    hold_limit_at = models.DateTimeField(null=True)
    payment_id = models.UUIDField(_("payment"), null=True)
    cancelled_payments = models.PositiveSmallIntegerField(null=True)
    could_not_pay = models.BooleanField(null=True)
    in_cash = models.BooleanField(_("in cash"), null=True)
    payment_state = models.CharField(_("payment state"), max_length=10, default="")
    cancel_requested = models.BooleanField(_("cancel requested"), default=False)
    cancel_reason = models.CharField(_("reason"), max_length=200, default="", blank=True)
    cancelled_by = models.CharField(_("cancelled by"), max_length=10, choices=Parties.choices, default="", db_default="", blank=True)
    version = models.PositiveIntegerField(default=0)
    operation = models.UUIDField(null=True)
    requested_at = models.DateTimeField(_("requested"))
    paid_at = models.DateTimeField(_("paid"), null=True)
    began_at = models.DateTimeField(_("begun"), null=True)
    ended_at = models.DateTimeField(_("period ended"), null=True)
    handed_over_at = models.DateTimeField(_("handed over"), null=True)
    returned_at = models.DateTimeField(_("returned"), null=True)
    closed_at = models.DateTimeField(_("closed"), null=True)

    class Meta:
        """Names and constraints."""

        verbose_name = _("rental")
        verbose_name_plural = _("rentals")
        constraints = (
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="rentals_period_forward"),
            models.CheckConstraint(condition=Q(price__gte=0), name="rentals_price_gte_0"),
            models.CheckConstraint(condition=Q(state__in=[state.value for state in RentalState]), name="rentals_state_known"),
            models.CheckConstraint(
                condition=Q(handed_over_at__isnull=True) | Q(paid_at__isnull=False),
                name="rentals_nothing_unpaid_is_handed_over",
            ),
            models.UniqueConstraint(fields=["item_id"], condition=Q(state=RentalState.RENTED.value), name="rentals_one_out_per_item"),
        )
        indexes = (
            models.Index(
                fields=["renter_id"],
                condition=Q(state__in=[RentalState.REQUESTED.value, RentalState.PAYING.value, RentalState.REFUNDING.value]),
                name="rentals_maybe_unpaid",
            ),
            models.Index(fields=["renter_id", "-requested_at", "-id"], name="rentals_of_renter"),
            models.Index(fields=["manager_id", "-requested_at", "-id"], name="rentals_of_manager"),
            models.Index(fields=["manager_id", "state", "-requested_at", "-id"], name="rentals_of_manager_in_state"),
            models.Index(fields=["state", "ends_at"], name="rentals_in_state"),
            models.Index(fields=["requested_at"], name="rentals_requested"),
            models.Index(fields=["starts_at"], condition=Q(state=RentalState.PAID.value), name="rentals_to_hand_over"),
        )

    def __str__(self) -> str:
        """Return the item's name and the first day, where the market is."""
        return f"{self.item_name} ({clock.day_of(self.starts_at)})"
