"""The endpoint for the payment provider's webhooks."""

from typing import cast

from django.conf import settings
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.response import Response

from apps.payments.services import webhooks
from gdmarket import clock
from gdmarket.rest.parsers import RawParser
from gdmarket.rest.views import ApiRequest, ApiView


class WebhookView(ApiView):
    """Webhooks of the configured payment provider, authenticated by their own signature where the provider signs them."""

    authentication_classes = []
    permission_classes = [AllowAny]
    parser_classes = [RawParser]

    @extend_schema(
        tags=["payments"],
        operation_id="takeWebhook",
        request={"application/json": OpenApiTypes.OBJECT},
        responses={204: None, 404: None},
    )
    def post(self, request: ApiRequest, gateway: str) -> Response:
        """Take a webhook of the payment provider: a hint to look the payment up."""
        if gateway != settings.GDMARKET_PAYMENT_GATEWAY:
            raise Http404
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = cast("bytes", request.data or b"")  # an empty body never reaches a parser
        webhooks.receive_webhook(headers=headers, body=body, now=clock.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
