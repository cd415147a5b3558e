"""Authentication by `Authorization: Bearer <access token>`."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from apps.accounts import queries
from apps.accounts.domain import Caller
from apps.accounts.errors import TokenNotValidError
from gdmarket import clock

_SCHEME = "bearer"


class BearerAuthentication(BaseAuthentication):
    """Find who asks by an access token; a request without one is anonymous, one with a bad token is refused (401)."""

    def authenticate(self, request: Request) -> tuple[Caller, str] | None:
        scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != _SCHEME:
            return None
        if not token.strip():
            raise TokenNotValidError
        return queries.get_caller(token=token.strip(), now=clock.now()), token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
