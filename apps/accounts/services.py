"""Changing accounts: register, sign in, refresh tokens."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.db.models import Q, QuerySet

from apps.accounts import domain, hashing, queries
from apps.accounts.domain import Tokens
from apps.accounts.errors import (
    EmailTakenError,
    HashingBusyError,
    InvalidCredentialsError,
    TokenNotValidError,
    TooManyFailedLoginsError,
    WeakPasswordError,
)
from apps.accounts.events import ManagerReinstated, ManagerSuspended
from apps.accounts.models import FailedLogin, KnownOrigin, ManagerStanding, RefreshToken, User
from gdmarket import bus, databases, ids

_FORGET_BATCH = 100


def create_person(*, user_id: UUID, email: str, password: str, **attributes: Any) -> User:
    """Return a new person with any roles; `attributes` are columns of `User`. For the demo: nothing is checked."""
    return User.objects.create_user(email, password, id=user_id, **attributes)


def register(*, user_id: UUID, email: str, password: str, display_name: str, now: datetime) -> User:
    """Register a renter; the same `user_id` and address again return the person registered before.

    :raises WeakPasswordError: if the password is too short, too common or too similar to the other fields
    :raises EmailTakenError: if somebody else is registered with this address
    :raises HashingBusyError: if too many are registering
    """
    person = User(id=user_id, email=domain.normalize_email(email=email), display_name=display_name, registered_at=now)
    _refuse_weak(password, person)
    if earlier := User.objects.filter(email__in=domain.email_forms(email=email)).first():  # before it is hashed, which is slow
        return _registered_before(earlier, user_id=user_id)
    with hashing.reserve_place():
        person.set_password(password)
    try:
        with databases.transaction_for("accounts"):
            person.save(force_insert=True)
    except IntegrityError as taken:
        earlier = User.objects.filter(email=person.email).first()
        if earlier is None:
            raise EmailTakenError from taken
        return _registered_before(earlier, user_id=user_id)
    return person


def _registered_before(earlier: User, *, user_id: UUID) -> User:
    if earlier.id != user_id:
        raise EmailTakenError
    return earlier


def change_person(*, person: User, now: datetime) -> None:
    """Save the changes of a person, and publish whether they may manage items where that changes with them."""
    with databases.transaction_for("accounts"):
        before = User.objects.select_for_update(no_key=True).get(id=person.id)
        person.save()
        if before.is_item_manager or person.is_item_manager:
            _publish_standing(person, now=now)


def publish_standings(*, user_ids: Collection[UUID], now: datetime) -> int:
    """Publish the suspensions and reinstatements of these managers that were not published, as `change_person` was not used.

    Return how many there were. Ids of nobody are left out.
    """
    suspended = set(ManagerStanding.objects.filter(user_id__in=user_ids, is_suspended=True).values_list("user_id", flat=True))
    differing = [person.id for person in User.objects.filter(id__in=user_ids) if person.may_manage == (person.id in suspended)]
    with databases.transaction_for("accounts"):
        people = User.objects.select_for_update(no_key=True).filter(id__in=differing).order_by("id")
        return sum(_publish_standing(person, now=now) for person in people)


def _publish_standing(person: User, *, now: datetime) -> bool:
    """Publish whether a person, whose row is locked, may manage items, unless the others know; return whether they did not."""
    known = ManagerStanding.objects.filter(user=person).first() or ManagerStanding(user=person, is_suspended=False, version=0)
    if known.is_suspended != person.may_manage:
        return False
    known.is_suspended = not person.may_manage
    known.version += 1
    known.save()
    fact = ManagerSuspended if known.is_suspended else ManagerReinstated
    bus.publish(fact(manager_id=person.id, version=known.version, occurred_at=now), stream=stream_of(user_id=person.id))
    return True


def stream_of(*, user_id: UUID) -> str:
    """Return the stream of the events about a person."""
    return f"manager:{user_id}"


def sign_in(*, email: str, password: str, address: str, now: datetime) -> Tokens:
    """Return tokens for the person with this e-mail address and password.

    :raises InvalidCredentialsError, TooManyFailedLoginsError, HashingBusyError: as `check_credentials` does
    """
    return issue_tokens(user=check_credentials(email=email, password=password, address=address, now=now), now=now)


def check_credentials(*, email: str, password: str, address: str, now: datetime, device: str = "") -> User:
    """Return the person with this e-mail address and password.

    `address` is the client's network address; `device` is a secret that it keeps, if it has one. Wrong passwords are counted for the
    account and where they come from, and after 5 of them each wait is longer, up to 15 minutes. Strangers' wrong passwords, 50 of one
    account or 60 from one address in 15 minutes, keep nobody out who has signed in from there before.
    :raises InvalidCredentialsError: if they do not match, or the person is inactive; it takes the same time in every case
    :raises TooManyFailedLoginsError: if it is to wait
    :raises HashingBusyError: if too many are signing in
    """
    typed, email = email, domain.normalize_email(email=email)
    origin = queries.get_origin(email=email, address=address, device=device)
    attempt = _count_attempt(queries.login_subjects(email=email, address=address, origin=origin), is_known=origin.is_known, now=now)
    try:
        with hashing.reserve_place():
            user = authenticate(username=typed, password=password)
    except HashingBusyError:
        FailedLogin.objects.filter(id__in=attempt).delete()
        raise
    if not isinstance(user, User):
        raise InvalidCredentialsError
    FailedLogin.objects.filter(Q(id__in=attempt) | Q(subject=origin.subject)).delete()
    _remember_origin(origin.subject, email=email, now=now)
    return user


def remember_device(*, email: str, device: str, now: datetime) -> None:
    """Remember the device from which somebody has signed in, and which keeps its secret from now on."""
    email = domain.normalize_email(email=email)
    _remember_origin(queries.device_subject(email=email, device=device), email=email, now=now)


def issue_tokens(*, user: User, now: datetime) -> Tokens:
    """Return a first pair of tokens for a person who has been authenticated, and delete their expired refresh tokens."""
    with databases.transaction_for("accounts"):
        RefreshToken.objects.filter(user=user, expires_at__lte=now).delete()
        return _next_pair(user=user, chain=ids.uuid7(), now=now)


def refresh_tokens(*, refresh: str, now: datetime) -> Tokens:
    """Return the next pair of tokens for a refresh token, which cannot be used again.

    A token used again more than 10 seconds later was stolen: the whole chain is revoked, for the thief and for the owner.
    :raises TokenNotValidError: if it is unknown, expired or used, or belongs to an inactive person or an earlier password
    """
    token = RefreshToken.objects.select_related("user").filter(digest=domain.digest_of(token=refresh)).first()
    if token is None or token.expires_at <= now:
        raise TokenNotValidError
    if not token.user.is_active or not queries.is_current_mark(user=token.user, mark=token.password_mark):
        raise TokenNotValidError
    with databases.transaction_for("accounts"):
        if _mark_used(token, now=now):
            return _next_pair(user=token.user, chain=token.chain, now=now)
        # Used a moment ago: a client that repeats itself. Used before that: a thief, or the victim of one.
        RefreshToken.objects.filter(chain__in=_stolen_chains(token, now=now)).delete()
    raise TokenNotValidError


def _refuse_weak(password: str, person: User) -> None:
    try:
        validate_password(password, user=person)
    except ValidationError as weak:
        raise WeakPasswordError(reason=" ".join(weak.messages).rstrip(".")) from weak


def _mark_used(token: RefreshToken, *, now: datetime) -> bool:
    return RefreshToken.objects.filter(digest=token.digest, used_at__isnull=True).update(used_at=now) == 1


def _stolen_chains(token: RefreshToken, *, now: datetime) -> QuerySet[RefreshToken, UUID]:
    stolen = RefreshToken.objects.filter(digest=token.digest, used_at__lt=now - domain.REPEATED_WITHIN)
    return stolen.values_list("chain", flat=True)


def _delete_oldest_tokens(user: User) -> None:
    """Delete a person's oldest tokens beyond the number that is kept, but those that another process is deleting."""
    own, kept = RefreshToken.objects.filter(user=user), domain.REFRESH_TOKENS_OF_ONE_PERSON
    newest_to_go = own.order_by("-expires_at", "digest").values_list("expires_at", flat=True)[kept : kept + 1].first()
    if newest_to_go is not None:
        surplus = own.filter(expires_at__lte=newest_to_go).order_by("expires_at", "digest").select_for_update(skip_locked=True)
        RefreshToken.objects.filter(digest__in=list(surplus.values_list("digest", flat=True)[:100])).delete()


def _next_pair(*, user: User, chain: UUID, now: datetime) -> Tokens:
    key = queries.signing_keys()[0]
    refresh = domain.new_refresh_token()
    RefreshToken.objects.create(
        digest=domain.digest_of(token=refresh),
        chain=chain,
        user=user,
        password_mark=domain.password_mark(password_hash=user.password, key=key),
        expires_at=now + timedelta(seconds=settings.GDMARKET_REFRESH_TOKEN_LIFETIME_S),
    )
    _delete_oldest_tokens(user)
    access = domain.access_token(
        user_id=user.id, password_hash=user.password, key=key, now=now, lifetime_s=settings.GDMARKET_ACCESS_TOKEN_LIFETIME_S
    )
    return Tokens(access=access, refresh=refresh)


def _count_attempt(subjects: tuple[str, str, str], *, is_known: bool, now: datetime) -> list[int]:
    """Count a failed login before the password is checked, so that concurrent guesses count; return the rows to delete if it was right."""
    _forget_failures(now=now)
    with databases.transaction_for("accounts"):
        _lock_subjects(subjects)
        wait_s = queries.get_login_wait_s(subjects=subjects, is_known=is_known, now=now)
        if wait_s:
            raise TooManyFailedLoginsError(retry_after_s=wait_s)
        counted = FailedLogin.objects.bulk_create([FailedLogin(subject=subject, failed_at=now) for subject in subjects])
    return [failure.id for failure in counted]


def _forget_failures(*, now: datetime) -> None:
    """Delete some wrong passwords that no longer count, but those that another process is deleting."""
    with databases.transaction_for("accounts"):
        past = queries.list_failures_to_forget(now=now).select_for_update(skip_locked=True)
        if batch := list(past.values_list("id", flat=True)[:_FORGET_BATCH]):
            FailedLogin.objects.filter(id__in=batch).delete()


def _remember_origin(subject: str, *, email: str, now: datetime) -> None:
    """Remember from where somebody has signed in; forget their oldest origins, and those that nobody has used for half a year."""
    rows = [KnownOrigin(subject=subject, account=queries.account_subject(email=email), seen_at=now)]
    KnownOrigin.objects.bulk_create(rows, update_conflicts=True, unique_fields=["subject"], update_fields=["account", "seen_at"])
    KnownOrigin.objects.filter(seen_at__lte=now - domain.ORIGIN_KNOWN_FOR).delete()
    if surplus := queries.list_surplus_origins(email=email):
        KnownOrigin.objects.filter(subject__in=surplus).delete()


def _lock_subjects(subjects: Iterable[str]) -> None:
    """Serialise the counting for each of these until the transaction ends. SQLite's transactions are serialised anyway."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        for subject in sorted(subjects):
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [subject])
