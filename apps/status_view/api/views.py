"""The status view over HTTP: read alone, and from its own tables alone."""

from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema

from apps.status_view import queries
from apps.status_view.api import filters, serializers
from gdmarket.rest import etags
from gdmarket.rest.pagination import page, page_of
from gdmarket.rest.permissions import has_role
from gdmarket.rest.views import ApiRequest, ApiView

_MANAGES = [has_role("item_manager")]


class ItemStatusListView(ApiView):
    """An item manager's items."""

    permission_classes = _MANAGES

    @extend_schema(
        operation_id="listItemStatus",
        tags=["status"],
        parameters=[filters.ItemStatusFilter],
        responses=page_of(serializers.ItemStatusSchema),
    )
    def get(self, request: ApiRequest) -> HttpResponse:
        """Show how all my items stand, the newest first."""
        asked = filters.ItemStatusFilter.parse(request)
        items, origin = queries.list_items(manager_id=request.person_id, **asked), request.origin
        return page(request, items, order=("-id",), serialize=lambda row: serializers.item_json(row, origin=origin))


class ItemStatusView(ApiView):
    """One item of an item manager."""

    permission_classes = _MANAGES

    @extend_schema(operation_id="getItemStatus", tags=["status"], parameters=[filters.Freshness], responses=serializers.ItemStatusSchema)
    def get(self, request: ApiRequest, item_id: UUID) -> HttpResponse:
        """Show how one of my items stands."""
        row = queries.get_item(item_id=item_id, manager_id=request.person_id, min_version=filters.Freshness.parse(request))
        return etags.versioned_response(request, serializers.item_json(row, origin=request.origin), version=row["version"], variant=None)


class RentalStatusListView(ApiView):
    """A person's rentals."""

    @extend_schema(
        operation_id="listRentalStatus",
        tags=["status"],
        parameters=[filters.RentalStatusFilter],
        responses=page_of(serializers.RentalStatusSchema),
    )
    def get(self, request: ApiRequest) -> HttpResponse:
        """Show how all my rentals stand, as renter and as item manager, the newest first."""
        asked = filters.RentalStatusFilter.parse(request)
        rentals = queries.list_rentals(person_id=request.person_id, **asked)
        return page(request, rentals, order=("-requested_at", "id"), serialize=serializers.rental_json)


class RentalStatusView(ApiView):
    """One rental of a person."""

    @extend_schema(
        operation_id="getRentalStatus", tags=["status"], parameters=[filters.Freshness], responses=serializers.RentalStatusSchema
    )
    def get(self, request: ApiRequest, rental_id: UUID) -> HttpResponse:
        """Show how a rental stands: whose turn it is, until when, its money and its timeline."""
        row = queries.get_rental(rental_id=rental_id, person_id=request.person_id, min_version=filters.Freshness.parse(request))
        return etags.versioned_response(request, serializers.rental_json(row), version=row["version"], variant=None)
