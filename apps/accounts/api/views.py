"""Registering and signing in."""

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.response import Response

from apps.accounts import services
from apps.accounts.api.serializers import (
    CredentialsSerializer,
    PersonSerializer,
    RefreshSerializer,
    RegistrationSerializer,
    TokensSerializer,
)
from gdmarket import clock
from gdmarket.rest.throttles import AnonThrottle, AuthThrottle, RegistrationThrottle, address_of
from gdmarket.rest.views import ApiRequest, ApiView


class OpenView(ApiView):
    """Open to anyone; an access token is ignored."""

    authentication_classes = []
    permission_classes = [AllowAny]
    throttle_classes = [AnonThrottle, AuthThrottle]


class RegisterView(OpenView):
    """Registration of renters."""

    throttle_classes = [*OpenView.throttle_classes, RegistrationThrottle]

    @extend_schema(operation_id="register", request=RegistrationSerializer, responses={201: PersonSerializer}, tags=["auth"])
    def post(self, request: ApiRequest) -> Response:
        """Register."""
        body = RegistrationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        person = services.register(user_id=request.operation_id, **body.validated_data, now=clock.now())
        return Response(PersonSerializer(person).data, status=status.HTTP_201_CREATED)


class TokenView(OpenView):
    """Tokens in exchange for e-mail address and password."""

    @extend_schema(operation_id="signIn", request=CredentialsSerializer, responses=TokensSerializer, tags=["auth"])
    def post(self, request: ApiRequest) -> Response:
        """Sign in."""
        body = CredentialsSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        tokens = services.sign_in(**body.validated_data, address=address_of(request), now=clock.now())
        return Response(TokensSerializer(tokens).data)


class RefreshView(OpenView):
    """Tokens in exchange for a refresh token, which can be used once."""

    # No password is hashed, and no token is guessed. Behind mobile carriers thousands share one address: a low rate would sign them out.
    throttle_classes = [AnonThrottle]

    @extend_schema(operation_id="refreshTokens", request=RefreshSerializer, responses=TokensSerializer, tags=["auth"])
    def post(self, request: ApiRequest) -> Response:
        """Stay signed in."""
        body = RefreshSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        tokens = services.refresh_tokens(**body.validated_data, now=clock.now())
        return Response(TokensSerializer(tokens).data)
