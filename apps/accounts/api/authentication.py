"""Authentication by `Authorization: Bearer <access token>`."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from apps.accounts import queries
from apps.accounts.errors import TokenNotValidError
from apps.accounts.models import User
from gdmarket import clock

_SCHEME = "bearer"


class BearerAuthentication(BaseAuthentication):
    """Find the user of an access token; a request without one is anonymous, one with a bad token is refused (401)."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != _SCHEME:
            return None
        if not token.strip():
            raise TokenNotValidError
        return queries.get_user_by_access_token(token=token.strip(), now=clock.now()), token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
