"""Accounts' tables: people, refresh tokens, failed logins, and from where people have signed in."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from apps.accounts import domain
from gdmarket import clock, ids
from gdmarket.text_columns import AddressField, FoldedField, NameField, refuse_what_shows_nothing


class UserManager(BaseUserManager["User"]):
    """Creates people and finds them by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":  # Django's own signature
        """Return a new person with this e-mail address and password; they are a renter unless `fields` say otherwise."""
        user = self.model(email=domain.normalize_email(email=email), **fields)
        user.set_password(password)
        user.save(using=self._db, force_insert=True)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":  # Django's own signature
        """Return a new operator who may do everything."""
        return self.create_user(email, password, **{"is_staff": True, "is_superuser": True, "is_renter": False, **fields})

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the person with this e-mail address, however it is capitalised and its domain is written."""
        forms = domain.email_forms(email=username or "")
        found = {user.email: user for user in self.filter(email__in=forms)}
        for form in forms:
            if form in found:
                return found[form]
        raise self.model.DoesNotExist


class User(AbstractBaseUser, PermissionsMixin):
    """A person: renter, item manager, operator, or several of these."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    email = AddressField(_("e-mail address"), unique=True, error_messages={"unique": _("Somebody is registered with this e-mail address.")})
    display_name = NameField(_("display name"), max_length=100, validators=[refuse_what_shows_nothing])
    # Null in a row that the version before wrote.
    search_text = FoldedField(of=("display_name", "email"), null=True)
    is_renter = models.BooleanField(_("renter"), default=True, help_text=_("May request, pay and cancel rentals."))
    is_item_manager = models.BooleanField(
        _("item manager"), default=False, help_text=_("May register items, hand them over and take them back.")
    )
    is_staff = models.BooleanField(_("operator"), default=False, help_text=_("Runs the system and sees all of the admin."))
    is_active = models.BooleanField(_("active"), default=True, help_text=_("Take this away instead of deleting a person."))
    registered_at = models.DateTimeField(_("registered"), default=clock.now, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["display_name"]

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="accounts_user_email_lower"),
            models.CheckConstraint(condition=~models.Q(display_name=""), name="accounts_user_display_name_given"),
        ]

    def __str__(self) -> str:
        """Return the name and the address, for people who run the system."""
        return f"{self.display_name} <{self.email}>"

    @classmethod
    def normalize_username(cls, username: str) -> str:
        """Return an e-mail address in lower case, for Django's forms."""
        return domain.normalize_email(email=username)

    @property
    def roles(self) -> list[str]:
        """The names of the person's roles: `renter`, `item_manager`, `operator`."""
        return domain.roles_of(is_renter=self.is_renter, is_item_manager=self.is_item_manager, is_staff=self.is_staff)

    @property
    def may_rent(self) -> bool:
        """Whether the person may rent: a renter, and active."""
        return self.is_active and self.is_renter

    @property
    def may_manage(self) -> bool:
        """Whether the person may manage items: an item manager, and active."""
        return self.is_active and self.is_item_manager


class ManagerStanding(models.Model):
    """What the other contexts were last told of a person: whether they may manage items. There is no row until that changes."""

    user = models.OneToOneField(User, primary_key=True, on_delete=models.CASCADE, related_name="+")
    is_suspended = models.BooleanField()
    version = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.user_id}: {'suspended' if self.is_suspended else 'not suspended'}"


class RefreshToken(models.Model):
    """One link of a chain of refresh tokens. Each can be used once, and only its digest is stored."""

    digest = models.CharField(primary_key=True, max_length=64)
    chain = models.UUIDField(db_index=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    password_mark = models.CharField(max_length=32)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"of {self.user_id}, until {self.expires_at:%Y-%m-%d %H:%M}"


class FailedLogin(models.Model):
    """One wrong password, counted under keyed digests: of the e-mail address, of the network address it came from, and of both."""

    subject = models.CharField(max_length=64)
    failed_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["subject", "failed_at"], name="accounts_failed_login_subject"),
            models.Index(fields=["failed_at"], name="accounts_failed_login_at"),
        ]

    def __str__(self) -> str:
        return f"at {self.failed_at:%Y-%m-%d %H:%M:%S}"


class KnownOrigin(models.Model):
    """A network address or a device from which somebody has signed in: a keyed digest of it and of the e-mail address."""

    subject = models.CharField(primary_key=True, max_length=64)
    # A digest of the account; of none in a row that the version before wrote.
    account = models.CharField(max_length=64, db_default="")
    seen_at = models.DateTimeField(db_index=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["account", "seen_at"], name="accounts_known_origin_account")]

    def __str__(self) -> str:
        return f"at {self.seen_at:%Y-%m-%d %H:%M:%S}"
