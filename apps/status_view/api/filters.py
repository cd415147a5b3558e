"""What may be asked of the lists."""

from typing import Any

from rest_framework import serializers

from apps.status_view import domain
from gdmarket.rest.serializers import StrictSerializer


class _Page(StrictSerializer):
    """What every list takes; `gdmarket.rest.pagination` reads and judges them."""

    cursor = serializers.CharField(required=False, help_text="Where to go on, from `next` or `previous`.")
    limit = serializers.CharField(required=False, help_text="How many, 1 to 100; 20 when not given.")

    def columns(self) -> dict[str, Any]:
        """Return what was asked apart from the page.

        :raises ValidationError: if a parameter is unknown or not acceptable
        """
        self.is_valid(raise_exception=True)
        return {name: value for name, value in self.validated_data.items() if name not in ("cursor", "limit")}


class ItemStatusFilter(_Page):
    """Which of a manager's items."""

    state = serializers.ChoiceField(choices=["listed", "withdrawn"], required=False)
    availability = serializers.ChoiceField(choices=[str(value) for value in domain.Availability], required=False)
    q = serializers.CharField(max_length=100, required=False, allow_blank=True, help_text="Looked for in name, category and place.")


class RentalStatusFilter(_Page):
    """Which of a person's rentals."""

    state = serializers.ChoiceField(choices=[*domain.OPEN, *domain.CLOSED], required=False)
    item = serializers.UUIDField(source="item_id", required=False)
    role = serializers.ChoiceField(choices=["renter", "manager"], required=False, help_text="As which of the two; both when not given.")
