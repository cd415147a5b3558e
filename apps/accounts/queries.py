"""Reading people, tokens and failed logins."""

import hmac
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from apps.accounts import domain
from apps.accounts.errors import PersonNotFoundError, TokenNotValidError
from apps.accounts.models import FailedLogin, User


def get_user(*, user_id: UUID) -> User:
    """Return a person.

    :raises PersonNotFoundError: if there is none with this id
    """
    try:
        return User.objects.get(id=user_id)
    except User.DoesNotExist as missing:
        raise PersonNotFoundError from missing


def list_users(*, user_ids: Collection[UUID]) -> QuerySet[User]:
    """List the people with these ids; unknown ids are left out."""
    return User.objects.filter(id__in=user_ids)


def has_people() -> bool:
    """Return whether anybody is registered."""
    return User.objects.exists()


def has_person(*, email: str) -> bool:
    """Return whether somebody is registered with this address."""
    return User.objects.filter(email=email).exists()


def has_operator() -> bool:
    """Return whether there is an active operator."""
    return User.objects.filter(is_staff=True, is_active=True).exists()


def find_email_with_password(*, emails: Collection[str], password: str) -> str | None:
    """Return the address of one of these people, operators first, who is active and has this password; None if there is none."""
    people = User.objects.filter(email__in=emails, is_active=True).order_by("-is_staff", "email")
    return next((person.email for person in people if person.check_password(password)), None)  # each costs a slow hash


def get_user_by_access_token(*, token: str, now: datetime) -> User:
    """Return the user whose access token this is.

    :raises TokenNotValidError: if the token is not ours or expired, or the person is inactive or has changed the password
    """
    claims = domain.read_access_token(token=token, keys=signing_keys(), now=now)
    user = User.objects.filter(id=claims.user_id, is_active=True).first() if claims else None
    if claims is None or user is None or not _is_of_this_password(user, claims.password_mark, claims.key):
        raise TokenNotValidError
    return user


def is_current_mark(*, user: User, mark: str) -> bool:
    """Return whether `mark` was made of the person's current password, with one of the installation's secrets."""
    return any(_is_of_this_password(user, mark, key) for key in signing_keys())


def signing_keys() -> list[bytes]:
    """Return the keys that tokens may be signed with; new tokens are signed with the first."""
    return [domain.signing_key(secret=secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def get_login_wait_s(*, email: str, address: str, now: datetime) -> float:
    """Return how many seconds to wait until this e-mail address, from this network address, may be tried again; 0.0 is now."""
    email_subject, address_subject = failure_subjects(email=email, address=address)
    return max(
        _wait_s(email_subject, allowed=domain.FAILURES_AN_EMAIL, now=now),
        _wait_s(address_subject, allowed=domain.FAILURES_AN_ADDRESS, now=now),
    )


def failure_subjects(*, email: str, address: str) -> tuple[str, str]:
    """Return the digests under which a wrong password is counted: of the e-mail address and of the network address."""
    key = signing_keys()[0]
    return (
        domain.failure_subject(kind="email", value=domain.normalize_email(email=email), key=key),
        domain.failure_subject(kind="address", value=address, key=key),
    )


def _wait_s(subject: str, *, allowed: int, now: datetime) -> float:
    recent = FailedLogin.objects.filter(subject=subject, failed_at__gt=now - domain.FAILURES_WITHIN)
    earliest = recent.order_by("-failed_at", "-id").values_list("failed_at", flat=True)[allowed - 1 : allowed].first()
    return max(0.0, (earliest + domain.FAILURES_WITHIN - now) / timedelta(seconds=1)) if earliest else 0.0


def _is_of_this_password(user: User, mark: str, key: bytes) -> bool:
    return hmac.compare_digest(mark, domain.password_mark(password_hash=user.password, key=key))
