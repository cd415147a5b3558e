"""Items' tables."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.db.models.lookups import LessThanOrEqual, Range
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

import apps.items.models.imports  # noqa: F401  # Django looks for tables here
from apps.items import domain
from gdmarket import ids
from gdmarket.text_columns import FoldedField, NameField

_STATES = [
    (domain.ItemState.LISTED, _("Listed")),
    (domain.ItemState.PAUSED, _("Paused")),
    (domain.ItemState.WITHDRAWN, _("Withdrawn")),
]
_AVAILABILITIES = [
    (domain.Availability.AVAILABLE, _("Available")),
    (domain.Availability.RESERVED, _("Reserved")),
    (domain.Availability.RENTED, _("Rented out")),
]
_HOLDS = [(domain.Hold.RESERVED, _("Reserved")), (domain.Hold.RENTED, _("Rented out")), (domain.Hold.OVER, _("Over"))]
_IS_LISTED = Q(state=domain.ItemState.LISTED)
_HAS_CODE = Q(code__isnull=False, withdrawn_at__isnull=True)
_IS_OPEN = ~Q(hold=domain.Hold.OVER)


class CategoryKeyField(FoldedField):
    """The key of a row's category; where none was given, as in a row of the version before, what the text of its category folds to."""

    def fold(self, row: models.Model) -> str:
        """Return what the column should hold."""
        return getattr(row, self.attname) or super().fold(row)


class Category(models.Model):
    """One of the categories that operators keep. Items name it by its key, which never changes: it is what their text folded to."""

    key = models.TextField(_("key"), primary_key=True, editable=False)
    name_ko = NameField(_("Korean name"), max_length=domain.MAX_CATEGORY)
    name_en = NameField(_("English name"), max_length=domain.MAX_CATEGORY)
    icon = models.CharField(_("icon"), max_length=20, default=domain.ICONS[-1])
    position = models.PositiveIntegerField(_("position"), default=0)
    is_active = models.BooleanField(_("can be chosen"), default=True)
    version = models.PositiveIntegerField(_("version"), default=1, db_default=1, editable=False)

    class Meta:
        """Names."""

        verbose_name = _("category")
        verbose_name_plural = _("categories")

    def __str__(self) -> str:
        """Return the name in the reader's language."""
        return self.name_ko if get_language() == "ko" else self.name_en


class CategoryName(models.Model):
    """A text, folded, that means a category: its key, and every name that it has or had. A text means one category."""

    folded = models.TextField(primary_key=True)
    category = models.ForeignKey(Category, on_delete=models.CASCADE, related_name="names")

    def __str__(self) -> str:
        """Return the folded text."""
        return self.folded


class PickupPlace(models.Model):
    """A place at which a manager hands items over, named once and used by many of them. Strangers are not shown its address."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    manager_id = models.UUIDField(_("manager"), editable=False)
    name = NameField(_("name"), max_length=domain.MAX_PLACE)
    address = models.CharField(_("address"), max_length=domain.MAX_ADDRESS, blank=True, default="")
    latitude = models.FloatField(_("latitude"))
    longitude = models.FloatField(_("longitude"))
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    registered_at = models.DateTimeField(_("registered"), editable=False)
    updated_at = models.DateTimeField(_("updated"), editable=False)

    class Meta:
        """Names, the index of a manager's list, and constraints."""

        verbose_name = _("pickup place")
        verbose_name_plural = _("pickup places")
        indexes = [models.Index(fields=["manager_id", "name", "id"], name="items_places_of_manager")]
        constraints = [
            models.CheckConstraint(condition=Q(Range(Length("name"), (1, domain.MAX_PLACE))), name="items_pickup_name_length"),
            models.CheckConstraint(
                condition=Q(latitude__range=(-domain.MAX_LATITUDE, domain.MAX_LATITUDE)), name="items_pickup_latitude_range"
            ),
            models.CheckConstraint(
                condition=Q(longitude__range=(-domain.MAX_LONGITUDE, domain.MAX_LONGITUDE)), name="items_pickup_longitude_range"
            ),
        ]

    def __str__(self) -> str:
        """Return the name."""
        return self.name


class PlaceSeed(models.Model):
    """What a manager's items are blurred with: 16 random bytes in hexadecimal, made once, so that no new secret key moves a place."""

    manager_id = models.UUIDField(primary_key=True)
    seed = models.CharField(max_length=32)

    def __str__(self) -> str:
        """Return the manager; the seed is secret."""
        return str(self.manager_id)


class Item(models.Model):
    """One thing that can be rented, and the manager it belongs to. On SQLite triggers keep the index of its words."""

    GUARDS = {"sqlite": ["items_bigrams_insert", "items_bigrams_update", "items_bigrams_delete"]}

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    manager_id = models.UUIDField(_("manager"), db_index=True, editable=False)
    name = NameField(_("name"), max_length=domain.MAX_NAME)
    description = models.TextField(_("description"), max_length=domain.MAX_DESCRIPTION, blank=True, default="")
    category = NameField(_("category"), max_length=domain.MAX_CATEGORY)
    daily_price = models.PositiveIntegerField(_("daily price"))
    deposit = models.PositiveIntegerField(_("deposit"), default=0)
    currency = models.CharField(_("currency"), max_length=3, default=domain.KRW)
    latitude = models.FloatField(_("latitude"))
    longitude = models.FloatField(_("longitude"))
    # Where strangers are shown it. Null in a row that the version before wrote.
    shown_latitude = models.FloatField(null=True, editable=False)
    shown_longitude = models.FloatField(null=True, editable=False)
    place = NameField(_("place"), max_length=domain.MAX_PLACE)
    # Without a constraint, for which SQLite would recreate the table, without its triggers, when the migration is undone.
    pickup_place = models.ForeignKey(
        PickupPlace,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        db_constraint=False,
        related_name="items",
        verbose_name=_("pickup place"),
    )
    state = models.CharField(_("state"), max_length=9, choices=_STATES, default=domain.ItemState.LISTED, editable=False)
    availability = models.CharField(
        _("availability"), max_length=9, choices=_AVAILABILITIES, default=domain.Availability.AVAILABLE, editable=False
    )
    search_text = FoldedField(of=("name", "category", "place", "description"))
    # Null in a row that the version before wrote.
    category_key = CategoryKeyField(of=("category",), null=True)
    # The manager's own, by which imports know it; no two of a manager's that are not withdrawn have one.
    code = models.CharField(_("code"), max_length=domain.MAX_CODE, null=True, blank=True)  # noqa: DJ001  # added beside the version before
    # `album.Photo`s, in their order. Null for none.
    photos = models.JSONField(null=True, editable=False)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    registered_at = models.DateTimeField(_("registered"), editable=False)
    updated_at = models.DateTimeField(_("updated"), editable=False)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, editable=False)

    class Meta:
        """Names, indexes of the searches, and constraints."""

        verbose_name = _("item")
        verbose_name_plural = _("items")
        indexes = [
            models.Index(fields=["-registered_at", "-id"], condition=_IS_LISTED, name="items_newest_first"),
            models.Index(fields=["category_key", "-registered_at", "-id"], condition=_IS_LISTED, name="items_category_newest_first"),
            models.Index(fields=["daily_price", "id"], condition=_IS_LISTED, name="items_cheapest"),
            models.Index(fields=["name", "id"], condition=_IS_LISTED, name="items_by_name"),
            models.Index(fields=["pickup_place", "id"], condition=Q(pickup_place__isnull=False), name="items_at_pickup_place"),
            models.Index(fields=["name", "id"], condition=Q(withdrawn_at=None), name="items_kept_by_name"),
            models.Index(fields=["manager_id", "name", "id"], condition=Q(withdrawn_at=None), name="items_of_manager_by_name"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["manager_id", "code"], condition=_HAS_CODE, name="items_code_of_manager"),
            models.CheckConstraint(condition=Q(Range(Length("name"), (1, domain.MAX_NAME))), name="items_name_length"),
            models.CheckConstraint(
                condition=Q(LessThanOrEqual(Length("description"), domain.MAX_DESCRIPTION)), name="items_description_length"
            ),
            models.CheckConstraint(condition=Q(Range(Length("category"), (1, domain.MAX_CATEGORY))), name="items_category_length"),
            models.CheckConstraint(condition=Q(Range(Length("place"), (1, domain.MAX_PLACE))), name="items_place_length"),
            models.CheckConstraint(
                condition=Q(daily_price__range=(domain.MIN_DAILY_PRICE, domain.MAX_DAILY_PRICE)), name="items_daily_price_range"
            ),
            models.CheckConstraint(condition=Q(deposit__range=(domain.MIN_DEPOSIT, domain.MAX_DEPOSIT)), name="items_deposit_range"),
            models.CheckConstraint(condition=Q(currency=domain.KRW), name="items_currency_known"),
            models.CheckConstraint(condition=Q(latitude__range=(-domain.MAX_LATITUDE, domain.MAX_LATITUDE)), name="items_latitude_range"),
            models.CheckConstraint(
                condition=Q(longitude__range=(-domain.MAX_LONGITUDE, domain.MAX_LONGITUDE)), name="items_longitude_range"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[domain.ItemState.LISTED, domain.ItemState.PAUSED], withdrawn_at=None)
                | Q(state=domain.ItemState.WITHDRAWN, withdrawn_at__isnull=False),
                name="items_withdrawn_since",
            ),
            models.CheckConstraint(condition=Q(availability__in=list(domain.Availability)), name="items_availability_known"),
            models.CheckConstraint(condition=Q(version__gte=1), name="items_version_gte_1"),
        ]

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    @property
    def shown_place(self) -> tuple[float, float]:
        """The latitude and longitude at which strangers are shown the item; rounded to a kilometre until `catch_up` blurs it."""
        return domain.shown_place(item=vars(self))

    @property
    def thumbnail(self) -> str | None:
        """The name of the file with the first photo in small, if there is one."""
        return domain.photo_names(file=self.photos[0]["file"])[1] if self.photos else None

    @property
    def is_blurred(self) -> bool:
        """Whether the place that strangers are shown was made of the place where the item is."""
        if self.shown_latitude is None or self.shown_longitude is None:
            return False
        distance_m = domain.distance_m(here=(self.latitude, self.longitude), there=(self.shown_latitude, self.shown_longitude))
        return distance_m <= domain.BLUR_M + 1


class PhotoFile(models.Model):
    """The files of a photo, named by their digest, which items may share; `touched_at` is when one was last to have it, or let go of it.

    `removing_at` is when their removal began: from then on no item can have them.
    """

    file = models.CharField(max_length=32, primary_key=True)
    touched_at = models.DateTimeField(db_index=True)
    removing_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        """Return the digest."""
        return self.file


class ItemManager(models.Model):
    """Whether an item manager is suspended, as of the newest `version` that accounts published. Most have no row: they are not."""

    manager_id = models.UUIDField(primary_key=True)
    is_suspended = models.BooleanField()
    version = models.PositiveIntegerField()

    def __str__(self) -> str:
        """Return the manager and the standing."""
        return f"{self.manager_id}: {'suspended' if self.is_suspended else 'in good standing'}"


class BlockedPeriod(models.Model):
    """A period in which an item is not rented, as its manager says; one that was lifted keeps its row, as a busy period does."""

    block_id = models.UUIDField(primary_key=True)
    item = models.ForeignKey(Item, on_delete=models.PROTECT, db_index=False, related_name="blocked_periods")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    is_lifted = models.BooleanField()
    version = models.PositiveIntegerField()

    class Meta:
        """The index of those that hold."""

        indexes = [models.Index(fields=["item", "ends_at", "starts_at"], condition=Q(is_lifted=False), name="items_blocked")]

    def __str__(self) -> str:
        """Return the id."""
        return str(self.block_id)


class BusyPeriod(models.Model):
    """How one rental holds its item, as of the newest `version` of the rental that was received.

    A rental that is over keeps its row, so that a late or repeated older fact cannot reserve the item again.
    """

    rental_id = models.UUIDField(primary_key=True)
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="busy_periods")
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    hold = models.CharField(_("hold"), max_length=8, choices=_HOLDS)
    version = models.PositiveIntegerField()

    class Meta:
        """Names, the index of the open ones, and constraints."""

        verbose_name = _("busy period")
        verbose_name_plural = _("busy periods")
        indexes = [models.Index(fields=["item", "ends_at", "starts_at"], condition=_IS_OPEN, name="items_busy_open")]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="items_busy_not_empty"),
            models.CheckConstraint(condition=Q(hold__in=list(domain.Hold)), name="items_busy_hold_known"),
        ]

    def __str__(self) -> str:
        """Return the rental and its hold."""
        return f"{self.rental_id}: {self.hold}"
