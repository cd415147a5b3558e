"""The rules of accounts: roles, e-mail addresses, tokens."""

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar
from uuid import UUID

import jwt
from jwt.types import Options

# Wrong passwords of one account from one origin: after these, each has a longer wait than the one before.
FREE_FAILURES = 5
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)
FAILURES_KEPT = timedelta(hours=1)
# Wrong passwords from all origins that are not known, together: of one account, and from one address.
FAILURES_AN_ACCOUNT = 50
FAILURES_AN_ADDRESS = 60
FAILURES_WITHIN = timedelta(minutes=15)
# A failure that is later than this is of a clock that is fast or was set back: it does not count here.
CLOCK_SKEW = timedelta(minutes=1)
ORIGIN_KNOWN_FOR = timedelta(days=180)
# Whoever knows the password can sign in from anywhere: their oldest origins are forgotten.
ORIGINS_OF_ONE_ACCOUNT = 20
REPEATED_WITHIN = timedelta(seconds=10)
# Somebody who refreshes again and again must not fill the disk: their oldest tokens are deleted.
REFRESH_TOKENS_OF_ONE_PERSON = 5000
_ALGORITHM = "HS256"
_USE = "access"
_ACE = "xn--"


class Role(StrEnum):
    """A role; one person may have several."""

    RENTER = "renter"
    ITEM_MANAGER = "item_manager"
    OPERATOR = "operator"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """An access token, sent with each request, and a refresh token, exchanged once for the next pair."""

    access: str
    refresh: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessClaims:
    """The claims of a verified access token, and the key that signed it. `password_mark` identifies the password it was issued for."""

    user_id: UUID
    password_mark: str
    key: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who asks, by a valid access token: what the API must know of a person."""

    pk: UUID
    roles: list[str]
    is_authenticated: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """From where somebody signs in to an account, a digest; it is known if they have signed in from there before."""

    subject: str
    is_known: bool


def roles_of(*, is_renter: bool, is_item_manager: bool, is_staff: bool) -> list[str]:
    """Return the names of the roles, in the order renter, item manager, operator."""
    held = ((Role.RENTER, is_renter), (Role.ITEM_MANAGER, is_item_manager), (Role.OPERATOR, is_staff))
    return [str(role) for role, has_it in held if has_it]


def normalize_email(*, email: str) -> str:
    """Return the one form of an e-mail address: in lower case, its domain as people read it.

    `u@xn--bj0bj06e.kr` is `u@한글.kr`, and so is the domain in any width or composition. What is no domain stays as it is.
    """
    local, at, domain = email.strip().lower().rpartition("@")
    shown = _compatible(domain).replace("\u3002", ".")  # the ideographic full stop separates labels: RFC 3490, 3.1
    return f"{local}{at}{'.'.join(map(_shown_label, (shown if _is_domain(shown) else domain).split('.')))}"


def email_forms(*, email: str) -> list[str]:
    """Return the forms under which a person may have been stored, the likeliest first: as typed, as people read it, in ASCII."""
    normalized = normalize_email(email=email)
    local, at, domain = normalized.rpartition("@")
    in_ascii = f"{local}{at}{'.'.join(map(_ascii_label, domain.split('.')))}"
    return list(dict.fromkeys([email.strip().lower(), normalized, in_ascii]))


def _shown_label(label: str) -> str:
    """Return a label of a domain in Unicode, if it is written back alike."""
    if not label.startswith(_ACE):
        return label
    try:
        shown = label.removeprefix(_ACE).encode("ascii").decode("punycode")
    except UnicodeError:
        return label
    return shown if _is_domain(shown) and _compatible(shown) == shown and _ascii_label(shown) == label else label


def _ascii_label(label: str) -> str:
    return label if label.isascii() else _ACE + label.encode("punycode").decode("ascii")


def _compatible(domain: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", domain).lower())


def _is_domain(text: str) -> bool:
    """Return whether a text has letters, marks, digits, hyphens and dots alone."""
    return all(letter in "-.\u3002" or unicodedata.category(letter)[0] in "LMN" for letter in text)


@lru_cache(maxsize=16)
def signing_key(*, secret: str) -> bytes:
    """Return the key that signs tokens, derived from one of the installation's secrets."""
    return hashlib.sha256(b"gdmarket.accounts.tokens\0" + secret.encode()).digest()


def password_mark(*, password_hash: str, key: bytes) -> str:
    """Return a value that changes with the password and reveals nothing of it."""
    return hmac.digest(key, password_hash.encode(), "sha256").hex()[:32]


def access_token(*, user_id: UUID, password_hash: str, key: bytes, now: datetime, lifetime_s: int) -> str:
    """Return a signed token, valid for `lifetime_s` seconds from `now` or until the password changes."""
    claims = {
        "sub": str(user_id),
        "iat": int(now.timestamp()),
        "exp": int(now.timestamp()) + lifetime_s,
        "use": _USE,
        "pwd": password_mark(password_hash=password_hash, key=key),
    }
    return jwt.encode(claims, key, algorithm=_ALGORITHM)


def read_access_token(*, token: str, keys: Iterable[bytes], now: datetime) -> AccessClaims | None:
    """Return a token's claims if one of `keys` signed it and it has not expired, else None."""
    for key in keys:
        try:
            claims, expires_at_s = _verified(token, key)
        except jwt.PyJWTError:
            continue
        if expires_at_s > now.timestamp():
            return claims
    return None


def new_refresh_token() -> str:
    """Return 256 random bits as text. Only their digest is stored."""
    return secrets.token_urlsafe(32)


def digest_of(*, token: str) -> str:
    """Return the stored digest of a refresh token. The token is random, so that a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def login_subject(*, kind: str, value: str, key: bytes) -> str:
    """Return the keyed digest under which wrong passwords are counted, and origins remembered: of an `email`, an `address`, or both."""
    return hmac.new(key, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()


def login_wait(*, failures: int) -> timedelta:
    """Return how long to wait after the last of so many wrong passwords of one account from one origin."""
    doublings = failures - FREE_FAILURES
    return min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(doublings, 10)) if doublings >= 0 else timedelta()


@lru_cache(maxsize=2048)
def _verified(token: str, key: bytes) -> tuple[AccessClaims, float]:
    """Return a token's claims, and when it expires.

    What a token says never changes, so that it is read once. Whether it has expired, and whether the person and the password are still
    good, is asked of every request. A token that is refused is not kept, so that nobody can push out the others.
    :raises PyJWTError: if the key did not sign it, or it is of another use
    """
    # The caller compares `exp` with its own `now`.
    options: Options = {"require": ["sub", "exp", "use", "pwd"], "verify_exp": False, "verify_iat": False}
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=[_ALGORITHM], options=options)
    if claims["use"] != _USE:
        raise jwt.InvalidTokenError
    return AccessClaims(user_id=UUID(claims["sub"]), password_mark=claims["pwd"], key=key), claims["exp"]
