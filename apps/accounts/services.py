"""Registering, signing in, staying signed in."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.db.models import QuerySet

from apps.accounts import domain, queries
from apps.accounts.domain import Tokens
from apps.accounts.errors import EmailTakenError, InvalidCredentialsError, TokenNotValidError, TooManyFailedLoginsError, WeakPasswordError
from apps.accounts.models import FailedLogin, RefreshToken, User
from gdmarket import databases, ids


def create_person(*, user_id: UUID, email: str, password: str, **attributes: Any) -> User:
    """Return a new person with any roles; `attributes` are columns of `User`. For the demo: nothing is checked."""
    return User.objects.create_user(email, password, id=user_id, **attributes)


def register(*, user_id: UUID, email: str, password: str, display_name: str, now: datetime) -> User:
    """Return a new renter; asked again with the same `user_id` and address, the one made before.

    :raises WeakPasswordError: if the password is too short, too common or too like the rest
    :raises EmailTakenError: if somebody else is registered with this address
    """
    person = User(id=user_id, email=domain.written_email(email=email), display_name=display_name, registered_at=now)
    _refuse_weak(password, person)
    person.set_password(password)
    try:
        with databases.transaction_for("accounts"):
            person.save(force_insert=True)
    except IntegrityError as taken:
        earlier = User.objects.filter(id=user_id, email=person.email).first()
        if earlier is None:
            raise EmailTakenError from taken
        return earlier
    return person


def sign_in(*, email: str, password: str, address: str, now: datetime) -> Tokens:
    """Return tokens for the person with this e-mail address and password.

    :raises InvalidCredentialsError, TooManyFailedLoginsError: as `recognise` does
    """
    return issue_tokens(user=recognise(email=email, password=password, address=address, now=now), now=now)


def recognise(*, email: str, password: str, address: str, now: datetime) -> User:
    """Return the person with this e-mail address and password; `address` is where on the network they are.

    :raises InvalidCredentialsError: if the two do not belong together, or the person is inactive: in the same time, whoever it is
    :raises TooManyFailedLoginsError: after 10 wrong passwords a minute for one e-mail address, or 60 from one network address
    """
    attempt = _count_attempt(email=email, address=address, now=now)
    user = authenticate(username=domain.written_email(email=email), password=password)
    if not isinstance(user, User):
        raise InvalidCredentialsError
    FailedLogin.objects.filter(id__in=attempt).delete()
    return user


def issue_tokens(*, user: User, now: datetime) -> Tokens:
    """Return a first pair of tokens for somebody whose identity is beyond doubt, and forget their refresh tokens that ran out."""
    with databases.transaction_for("accounts"):
        RefreshToken.objects.filter(user=user, expires_at__lte=now).delete()
        return _next_pair(user=user, chain=ids.uuid7(), now=now)


def refresh_tokens(*, refresh: str, now: datetime) -> Tokens:
    """Return the next pair of tokens for a refresh token, which is thereby used up.

    A token that comes again later was stolen from somebody: the whole chain ends, for the thief and for the owner.
    :raises TokenNotValidError: if it is unknown, ran out, was used, or belongs to somebody inactive or to an earlier password
    """
    token = RefreshToken.objects.select_related("user").filter(digest=domain.digest_of(token=refresh)).first()
    if token is None or token.expires_at <= now:
        raise TokenNotValidError
    if not token.user.is_active or not queries.is_good_mark(user=token.user, mark=token.password_mark):
        raise TokenNotValidError
    with databases.transaction_for("accounts"):
        if _use_up(token, now=now):
            return _next_pair(user=token.user, chain=token.chain, now=now)
        # Used a moment ago is a client that repeats itself; used long ago is a thief, or the victim of one.
        RefreshToken.objects.filter(chain__in=_chains_of_stolen(token, now=now)).delete()
    raise TokenNotValidError


def _refuse_weak(password: str, person: User) -> None:
    try:
        validate_password(password, user=person)
    except ValidationError as weak:
        raise WeakPasswordError(reason=" ".join(weak.messages).rstrip(".")) from weak


def _use_up(token: RefreshToken, *, now: datetime) -> bool:
    return RefreshToken.objects.filter(digest=token.digest, used_at__isnull=True).update(used_at=now) == 1


def _chains_of_stolen(token: RefreshToken, *, now: datetime) -> QuerySet[RefreshToken, UUID]:
    stolen = RefreshToken.objects.filter(digest=token.digest, used_at__lt=now - domain.REPEATED_WITHIN)
    return stolen.values_list("chain", flat=True)


def _next_pair(*, user: User, chain: UUID, now: datetime) -> Tokens:
    key = queries.signing_keys()[0]
    refresh = domain.fresh_refresh_token()
    RefreshToken.objects.create(
        digest=domain.digest_of(token=refresh),
        chain=chain,
        user=user,
        password_mark=domain.password_mark(password_hash=user.password, key=key),
        expires_at=now + timedelta(seconds=settings.GDMARKET_REFRESH_TOKEN_LIFETIME_S),
    )
    access = domain.access_token(
        user_id=user.id, password_hash=user.password, key=key, now=now, lifetime_s=settings.GDMARKET_ACCESS_TOKEN_LIFETIME_S
    )
    return Tokens(access=access, refresh=refresh)


def _count_attempt(*, email: str, address: str, now: datetime) -> list[int]:
    """Count a failure before the password is looked at, lest many at one moment all find room; return what to forget if it was right."""
    subjects = queries.failure_subjects(email=email, address=address)
    FailedLogin.objects.filter(failed_at__lte=now - domain.FAILURES_WITHIN).delete()
    with databases.transaction_for("accounts"):
        _wait_for_turn(subjects)
        wait_s = queries.get_login_wait_s(email=email, address=address, now=now)
        if wait_s:
            raise TooManyFailedLoginsError(retry_after_s=wait_s)
        counted = FailedLogin.objects.bulk_create([FailedLogin(subject=subject, failed_at=now) for subject in subjects])
    return [failure.id for failure in counted]


def _wait_for_turn(subjects: Iterable[str]) -> None:
    """Count for one of these at a time, until the transaction ends. SQLite's transactions come one at a time anyway."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        for subject in sorted(subjects):
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [subject])
