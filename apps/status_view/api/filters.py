"""What may be asked of the lists."""

from rest_framework import serializers

from apps.status_view import domain
from gdmarket.rest.lists import ListParameters


class ItemStatusFilter(ListParameters):
    """Which of a manager's items."""

    state = serializers.ChoiceField(choices=["listed", "withdrawn"], required=False)
    availability = serializers.ChoiceField(choices=[str(value) for value in domain.Availability], required=False)
    q = serializers.CharField(max_length=100, required=False, allow_blank=True, help_text="Looked for in name, category and place.")


class RentalStatusFilter(ListParameters):
    """Which of a person's rentals."""

    state = serializers.ChoiceField(choices=[*domain.OPEN, *domain.CLOSED], required=False)
    item = serializers.UUIDField(source="item_id", required=False)
    role = serializers.ChoiceField(choices=["renter", "manager"], required=False, help_text="As which of the two; both when not given.")
