"""Reading people, tokens and failed logins."""

import hmac
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Max, Q, QuerySet, UUIDField

from apps.accounts import domain
from apps.accounts.domain import Caller, Origin
from apps.accounts.errors import PersonNotFoundError, TokenNotValidError, TooManyPeopleError
from apps.accounts.models import FailedLogin, KnownOrigin, User
from gdmarket import text
from gdmarket.prepared import Param, Prepared

MAX_FOUND = 1_000


def get_user(*, user_id: UUID) -> User:
    """Return a person.

    :raises PersonNotFoundError: if there is none with this id
    """
    try:
        return User.objects.get(id=user_id)
    except User.DoesNotExist as missing:
        raise PersonNotFoundError from missing


def find_user(*, email: str) -> User | None:
    """Return who has this e-mail address, however it is capitalised and its domain is written; None where nobody has."""
    try:
        return User.objects.get_by_natural_key(email)
    except User.DoesNotExist:
        return None


def list_users(*, user_ids: Collection[UUID]) -> QuerySet[User]:
    """List the people with these ids; unknown ids are left out."""
    return User.objects.filter(id__in=user_ids)


def search_terms(*, words: str) -> list[str]:
    """Return what a search for people asks for: words, folded, and e-mail addresses or parts of them, which have an `@`."""
    found: list[str] = []
    for part in words[: text.MAX_SEARCH].split():
        found += [domain.normalize_email(email=part)] if "@" in part else text.words(text=part)
    return list(dict.fromkeys(found))[: text.MAX_WORDS]


def search_users(*, words: str) -> QuerySet[User]:
    """List the people whose name or e-mail address holds every one of the words: all for a blank, none for punctuation alone."""
    parts, found = search_terms(words=words), User.objects.all()
    if not parts and text.shows_something(text=words):
        return found.none()
    for part in parts:
        found = found.filter(_matches(part))
    return found


def find_users(*, words: str, by_address: bool, among: Collection[UUID] | None = None) -> dict[str, frozenset[UUID]]:
    """Return for each word of a search the people, of `among` where given, whose name holds it; `by_address`, or whose e-mail address does.

    A whole address always finds its owner.
    :raises TooManyPeopleError: if there is no `among` and more than 1,000 have the words in name or address
    """
    parts = search_terms(words=words)
    if not parts:
        return {}
    people_to_search = User.objects.all() if among is None else list_users(user_ids=among)
    rows = people_to_search.filter(reduce(or_, map(_matches, parts))).values_list("id", "email", "display_name")
    found_rows = list(rows[: MAX_FOUND + 1] if among is None else rows)
    if among is None and len(found_rows) > MAX_FOUND:
        raise TooManyPeopleError(most=MAX_FOUND)
    people = [(user_id, domain.normalize_email(email=email), name) for user_id, email, name in found_rows]
    found: dict[str, frozenset[UUID]] = {}
    for part in parts:
        named = {user_id for user_id, email, name in people if part == email or part in text.folded(text=name)}
        addressed = {user_id for user_id, email, _ in people if part in email or part in text.folded(text=email)} if by_address else set()
        found[part] = frozenset(named | addressed)
    return found


def _matches(part: str) -> Q:
    if "@" not in part:
        return Q(search_text__contains=part)
    return reduce(or_, (Q(email__contains=form) for form in domain.email_forms(email=part)))


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


_CALLER = Prepared(
    User.objects.filter(id=Param("user_id", UUIDField()), is_active=True).values_list(
        "password", "is_renter", "is_item_manager", "is_staff"
    )
)


def get_caller(*, token: str, now: datetime) -> Caller:
    """Return who asks by this access token.

    :raises TokenNotValidError: if the token is not ours or expired, or the person is inactive or has changed the password
    """
    claims = domain.read_access_token(token=token, keys=signing_keys(), now=now)
    found = _CALLER.first(user_id=claims.user_id) if claims else None
    if claims is None or found is None:
        raise TokenNotValidError
    password_hash, is_renter, is_item_manager, is_staff = found
    if not hmac.compare_digest(claims.password_mark, domain.password_mark(password_hash=password_hash, key=claims.key)):
        raise TokenNotValidError
    return Caller(pk=claims.user_id, roles=domain.roles_of(is_renter=is_renter, is_item_manager=is_item_manager, is_staff=is_staff))


def is_current_mark(*, user: User, mark: str) -> bool:
    """Return whether `mark` was made of the person's current password, with one of the installation's secrets."""
    return any(_is_of_this_password(user, mark, key) for key in signing_keys())


def signing_keys() -> list[bytes]:
    """Return the keys that tokens may be signed with; new tokens are signed with the first."""
    return [domain.signing_key(secret=secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def get_origin(*, email: str, address: str, device: str) -> Origin:
    """Return from where somebody signs in to an account: a device that has done so before, or a network address."""
    of_device = [_subject(f"{email}\n{device}", kind="device", key=key) for key in signing_keys()] if device else []
    of_address = [_subject(f"{email}\n{address}", kind="origin", key=key) for key in signing_keys()]
    known = set(KnownOrigin.objects.filter(subject__in=[*of_device, *of_address]).values_list("subject", flat=True))
    if known.intersection(of_device):
        return Origin(subject=of_device[0], is_known=True)
    return Origin(subject=of_address[0], is_known=bool(known.intersection(of_address)))


def device_subject(*, email: str, device: str) -> str:
    """Return the digest under which a device is known for an account."""
    return _subject(f"{email}\n{device}", kind="device", key=signing_keys()[0])


def account_subject(*, email: str) -> str:
    """Return the digest under which an account's wrong passwords are counted, and its origins listed."""
    return _subject(email, kind="email", key=signing_keys()[0])


def list_surplus_origins(*, email: str) -> list[str]:
    """List the oldest known origins of an account beyond the number that is kept."""
    own = KnownOrigin.objects.filter(account=account_subject(email=email)).order_by("-seen_at", "subject")
    return list(own.values_list("subject", flat=True)[domain.ORIGINS_OF_ONE_ACCOUNT :][:100])


def login_subjects(*, email: str, address: str, origin: Origin) -> tuple[str, str, str]:
    """Return the digests under which a wrong password is counted: of the origin, of the account and of the network address."""
    key = signing_keys()[0]
    return origin.subject, account_subject(email=email), _subject(address, kind="address", key=key)


def get_login_wait_s(*, subjects: tuple[str, str, str], is_known: bool, now: datetime) -> float:
    """Return how many seconds to wait until this account may be tried again from this origin; 0.0 is now.

    A known origin waits for its own wrong passwords only.
    """
    of_origin, of_account, of_address = subjects
    waits = [_own_wait(of_origin, now=now)]
    if not is_known:
        waits.append(_shared_wait(of_account, allowed=domain.FAILURES_AN_ACCOUNT, now=now))
        waits.append(_shared_wait(of_address, allowed=domain.FAILURES_AN_ADDRESS, now=now))
    return max(0.0, max(waits) / timedelta(seconds=1))


def list_failures_to_forget(*, now: datetime) -> QuerySet[FailedLogin]:
    """List the wrong passwords that no longer count, the oldest first.

    Those in the future stay: it may be this server's clock that is slow, and they count for the others.
    """
    return FailedLogin.objects.filter(failed_at__lte=now - domain.FAILURES_KEPT).order_by("failed_at", "id")


def _subject(value: str, *, kind: str, key: bytes) -> str:
    return domain.login_subject(kind=kind, value=value, key=key)


def _failures(subject: str, *, within: timedelta, now: datetime) -> QuerySet[FailedLogin]:
    return FailedLogin.objects.filter(subject=subject, failed_at__gt=now - within, failed_at__lte=now + domain.CLOCK_SKEW)


def _own_wait(subject: str, *, now: datetime) -> timedelta:
    found = _failures(subject, within=domain.FAILURES_KEPT, now=now).aggregate(count=Count("id"), last_at=Max("failed_at"))
    return min(found["last_at"], now) + domain.login_wait(failures=found["count"]) - now if found["count"] else timedelta()


def _shared_wait(subject: str, *, allowed: int, now: datetime) -> timedelta:
    recent = _failures(subject, within=domain.FAILURES_WITHIN, now=now)
    earliest = recent.order_by("-failed_at", "-id").values_list("failed_at", flat=True)[allowed - 1 : allowed].first()
    return min(earliest, now) + domain.FAILURES_WITHIN - now if earliest else timedelta()


def _is_of_this_password(user: User, mark: str, key: bytes) -> bool:
    return hmac.compare_digest(mark, domain.password_mark(password_hash=user.password, key=key))
