"""What may be asked of the lists."""

from rest_framework import serializers
from rest_framework.request import Request

from apps.status_view import domain
from gdmarket.rest.pagination import ListParameters
from gdmarket.rest.serializers import StrictParameters

MAX_VERSION = 2**31 - 1


class Freshness(StrictParameters):
    """How new the answer must be."""

    min_version = serializers.IntegerField(
        min_value=0,
        max_value=MAX_VERSION,
        default=0,
        help_text="Wait, at most 200 ms, until the answer's `version` is no older: what a command answered. After that it is as it stands.",
    )

    @classmethod
    def parse(cls, request: Request) -> int:
        """Return the version to wait for; 0 when any will do.

        :raises ValidationError: naming every parameter that is unknown or not acceptable
        """
        if not request.META.get("QUERY_STRING"):
            return 0
        version: int = cls.validated(request.query_params.dict())["min_version"]
        return version


class ItemStatusFilter(ListParameters):
    """Which of a manager's items."""

    state = serializers.ChoiceField(choices=["listed", "paused", "withdrawn"], required=False)
    availability = serializers.ChoiceField(choices=[str(value) for value in domain.ItemAvailability], required=False)
    q = serializers.CharField(max_length=100, required=False, allow_blank=True, help_text="Looked for in name, category and place.")


class RentalStatusFilter(ListParameters):
    """Which of a person's rentals."""

    state = serializers.ChoiceField(choices=[*domain.OPEN, *domain.CLOSED], required=False)
    item = serializers.UUIDField(source="item_id", required=False)
    role = serializers.ChoiceField(choices=["renter", "manager"], required=False, help_text="As which of the two; both when not given.")
