"""What an item is registered with: categories and pickup places, over HTTP."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.items.api.serializers import CategorySerializer, PickupPlaceSerializer, category_json, place_json
from apps.items.queries import categories
from apps.items.queries import places as queries
from apps.items.services import places as services
from gdmarket import clock
from gdmarket.rest import etags
from gdmarket.rest.pagination import ListParameters, page, page_of
from gdmarket.rest.permissions import has_role
from gdmarket.rest.views import ApiRequest, ApiView


class CategoryList(ApiView):
    """The categories of items."""

    permission_classes = [has_role("item_manager", reading_is_open=True)]

    @extend_schema(operation_id="listCategories", tags=["items"], responses={200: page_of(CategorySerializer), 304: None}, auth=[])
    def get(self, request: ApiRequest) -> HttpResponse:
        """List the categories to choose from, in the market's order: all of them, up to 200."""
        found = [category_json(each, address=request.build_absolute_uri) for each in categories.list_categories()]
        # It has no version of its own: the variant is made of all that is shown.
        return etags.versioned_response(request, {"results": found, "next": None, "previous": None}, version=1, variant=None)


class PlaceList(ApiView):
    """The pickup places of the caller."""

    permission_classes = [has_role("item_manager")]

    @extend_schema(operation_id="listPlaces", tags=["items"], parameters=[ListParameters], responses=page_of(PickupPlaceSerializer))
    def get(self, request: ApiRequest) -> HttpResponse:
        """List the caller's pickup places by name."""
        ListParameters.parse(request)
        found = queries.list_places(manager_id=request.person_id)
        return page(request, found, order=("name", "id"), serialize=lambda place: place_json(vars(place)))

    @extend_schema(operation_id="addPlace", tags=["items"], request=PickupPlaceSerializer, responses={201: PickupPlaceSerializer})
    def post(self, request: ApiRequest) -> HttpResponse:
        """Add a pickup place, which lies in the market's area; up to 100."""
        details: Any = PickupPlaceSerializer.validated(request.data)
        place = services.add_place(place_id=request.operation_id, manager_id=request.person_id, now=clock.now(), **details)
        answer = etags.versioned_response(request, place_json(vars(place)), version=place.version, status=201)
        answer["Location"] = request.build_absolute_uri(reverse("place", args=[place.id]))
        return answer


class PlaceDetail(ApiView):
    """One pickup place of the caller."""

    permission_classes = [has_role("item_manager")]

    @extend_schema(operation_id="getPlace", tags=["items"], responses=PickupPlaceSerializer)
    def get(self, request: ApiRequest, place_id: UUID) -> HttpResponse:
        """Show an own pickup place."""
        place = queries.get_place(place_id=place_id, manager_id=request.person_id)
        return etags.versioned_response(request, place_json(vars(place)), version=place.version)

    @extend_schema(operation_id="revisePlace", tags=["items"], request=PickupPlaceSerializer(partial=True), responses=PickupPlaceSerializer)
    def patch(self, request: ApiRequest, place_id: UUID) -> HttpResponse:
        """Revise an own pickup place; the items that are there follow, up to 50 at once and the others soon after."""
        changes = PickupPlaceSerializer.validated(request.data, partial=True)
        place = services.revise_place(
            place_id=place_id, by=request.person_id, expected_version=etags.expected_version(request), now=clock.now(), **changes
        )
        return etags.versioned_response(request, place_json(vars(place)), version=place.version)

    @extend_schema(operation_id="deletePlace", tags=["items"], responses={204: None})
    def delete(self, request: ApiRequest, place_id: UUID) -> HttpResponse:
        """Delete an own pickup place that no item uses."""
        services.delete_place(place_id=place_id, by=request.person_id)
        return Response(status=204)
