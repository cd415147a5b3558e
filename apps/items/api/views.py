"""Items over HTTP."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.items import queries, services
from apps.items.api import filters
from apps.items.api.openapi import SEARCH_PARAMETERS
from apps.items.api.serializers import FoundItemSerializer, ItemSerializer, NewItemSerializer, item_json
from apps.items.services import pausing
from gdmarket import clock
from gdmarket.rest import etags
from gdmarket.rest.pagination import page, page_of
from gdmarket.rest.permissions import has_role
from gdmarket.rest.serializers import EmptyBodySerializer
from gdmarket.rest.views import ApiRequest, ApiView


class ItemList(ApiView):
    """The items that can be requested."""

    permission_classes = [has_role("item_manager", reading_is_open=True)]

    @extend_schema(operation_id="listItems", tags=["items"], parameters=SEARCH_PARAMETERS, responses=page_of(FoundItemSerializer), auth=[])
    def get(self, request: ApiRequest) -> HttpResponse:
        """Find items: the newest first; with `q` those that have it in their name before others, with `near` the nearest first."""
        found, order = filters.search(parameters=request.query_params)
        viewer, origin = request.user.pk, request.origin
        return page(request, found, order=order, serialize=lambda item: item_json(item, viewer=viewer, origin=origin))

    @extend_schema(operation_id="registerItem", tags=["items"], request=NewItemSerializer, responses={201: ItemSerializer, 404: None})
    def post(self, request: ApiRequest) -> HttpResponse:
        """Register an item for rent."""
        details: Any = NewItemSerializer.details(request.data)
        item = services.register_item(
            item_id=request.operation_id,
            manager_id=request.person_id,
            now=clock.now(),
            **details,
        )
        answer = item_response(request, vars(item), status=201)
        answer["Location"] = request.build_absolute_uri(reverse("item", args=[item.id]))
        return answer


class ItemDetail(ApiView):
    """One item that is listed or paused."""

    permission_classes = [has_role("item_manager", reading_is_open=True)]

    @extend_schema(operation_id="getItem", tags=["items"], responses=ItemSerializer, auth=[])
    def get(self, request: ApiRequest, item_id: UUID) -> HttpResponse:
        """Show an item."""
        return item_response(request, queries.get_item(item_id=item_id))

    @extend_schema(operation_id="reviseItem", tags=["items"], request=ItemSerializer(partial=True), responses=ItemSerializer)
    def patch(self, request: ApiRequest, item_id: UUID) -> HttpResponse:
        """Revise an own item."""
        changes = ItemSerializer.validated(request.data, partial=True)
        item = services.revise_item(
            item_id=item_id,
            by=request.person_id,
            expected_version=etags.expected_version(request),
            now=clock.now(),
            **changes,
        )
        return item_response(request, vars(item))

    @extend_schema(operation_id="withdrawItem", tags=["items"], responses={204: None})
    def delete(self, request: ApiRequest, item_id: UUID) -> HttpResponse:
        """Withdraw an own item permanently."""
        services.withdraw_item(item_id=item_id, by=request.person_id, now=clock.now())
        return Response(status=204)


class PauseItem(ApiView):
    """Pausing an item."""

    permission_classes = [has_role("item_manager")]

    @extend_schema(operation_id="pauseItem", tags=["items"], request=EmptyBodySerializer, responses=ItemSerializer)
    def post(self, request: ApiRequest, item_id: UUID) -> HttpResponse:
        """Offer an own item to nobody until it is resumed; rentals that were requested go on."""
        EmptyBodySerializer.validated(request.data)
        return item_response(request, vars(pausing.pause_item(item_id=item_id, by=request.person_id, now=clock.now())))


class ResumeItem(ApiView):
    """Resuming an item."""

    permission_classes = [has_role("item_manager")]

    @extend_schema(operation_id="resumeItem", tags=["items"], request=EmptyBodySerializer, responses=ItemSerializer)
    def post(self, request: ApiRequest, item_id: UUID) -> HttpResponse:
        """Offer an own paused item again."""
        EmptyBodySerializer.validated(request.data)
        return item_response(request, vars(pausing.resume_item(item_id=item_id, by=request.person_id, now=clock.now())))


def item_response(request: ApiRequest, item: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
    """Return an item's row, with its version, as its ETag."""
    viewer = request.user.pk
    # Its manager is shown another place than the others.
    variant = f"{item['availability']}-own" if item["manager_id"] == viewer else str(item["availability"])
    shown = item_json(item, viewer=viewer, origin=request.origin)
    return etags.versioned_response(request, shown, version=item["version"], variant=variant, status=status)
