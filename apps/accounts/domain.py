"""Roles, how an e-mail address is written, and how a token proves who is asking."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import jwt
from jwt.types import Options

FAILURES_AN_EMAIL = 10
FAILURES_AN_ADDRESS = 60
FAILURES_WITHIN = timedelta(minutes=1)
REPEATED_WITHIN = timedelta(seconds=10)
_ALGORITHM = "HS256"
_USE = "access"


class Role(StrEnum):
    """What somebody may do; one person may have several."""

    RENTER = "renter"
    ITEM_MANAGER = "item_manager"
    OPERATOR = "operator"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """What somebody who signed in is given: a token to show with each request, and one to get the next pair with."""

    access: str
    refresh: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessClaims:
    """What an access token says: whose it is, and the mark of the password it was given for."""

    user_id: UUID
    password_mark: str
    key: bytes


def roles_of(*, is_renter: bool, is_item_manager: bool, is_staff: bool) -> list[str]:
    """Return the names of the roles, in the order renter, item manager, operator."""
    held = ((Role.RENTER, is_renter), (Role.ITEM_MANAGER, is_item_manager), (Role.OPERATOR, is_staff))
    return [str(role) for role, has_it in held if has_it]


def written_email(*, email: str) -> str:
    """Return the one way we write an e-mail address: without spaces around it, in lower case."""
    return email.strip().lower()


def signing_key(*, secret: str) -> bytes:
    """Return the key for tokens that belongs to one of the installation's secrets."""
    return hashlib.sha256(b"gdmarket.accounts.tokens\0" + secret.encode()).digest()


def password_mark(*, password_hash: str, key: bytes) -> str:
    """Return what changes when the password does, and tells nothing of it."""
    return hmac.new(key, password_hash.encode(), hashlib.sha256).hexdigest()[:32]


def access_token(*, user_id: UUID, password_hash: str, key: bytes, now: datetime, lifetime_s: int) -> str:
    """Return a signed token that speaks for this person until `now` + `lifetime_s`, or until the password changes."""
    claims = {
        "sub": str(user_id),
        "iat": int(now.timestamp()),
        "exp": int(now.timestamp()) + lifetime_s,
        "use": _USE,
        "pwd": password_mark(password_hash=password_hash, key=key),
    }
    return jwt.encode(claims, key, algorithm=_ALGORITHM)


def read_access_token(*, token: str, keys: Iterable[bytes], now: datetime) -> AccessClaims | None:
    """Return what a token says if one of `keys` signed it and it has not run out, else None."""
    for key in keys:
        claims = _verified(token, key)
        if claims is not None and claims.get("use") == _USE and claims["exp"] > now.timestamp():
            return AccessClaims(user_id=UUID(claims["sub"]), password_mark=claims["pwd"], key=key)
    return None


def fresh_refresh_token() -> str:
    """Return 256 random bits to be kept by the caller; we keep their digest."""
    return secrets.token_urlsafe(32)


def digest_of(*, token: str) -> str:
    """Return what we keep of a refresh token: it is random, so that a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def failure_subject(*, kind: str, value: str, key: bytes) -> str:
    """Return under which name wrong passwords of an `email` or an `address` are counted; it tells neither."""
    return hmac.new(key, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()


def _verified(token: str, key: bytes) -> dict[str, Any] | None:
    # Time is told, not asked: `exp` is compared by the caller.
    options: Options = {"require": ["sub", "exp", "use", "pwd"], "verify_exp": False, "verify_iat": False}
    try:
        return jwt.decode(token, key, algorithms=[_ALGORITHM], options=options)
    except jwt.PyJWTError:
        return None
