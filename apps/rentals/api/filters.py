"""The parameters of the list of rentals."""

from rest_framework import serializers

from apps.rentals.domain import RentalState
from gdmarket.rest.pagination import ListParameters


class RentalFilter(ListParameters):
    """By state, item, and the caller's role in the rental."""

    state = serializers.ChoiceField(choices=list(RentalState), required=False)
    item = serializers.UUIDField(source="item_id", required=False)
    role = serializers.ChoiceField(choices=["renter", "manager"], required=False, help_text="The caller's role; either when not given.")
