"""Items as JSON."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.items import domain
from gdmarket.rest.representation import representation_of
from gdmarket.rest.serializers import StrictSerializer


class DegreesField(serializers.FloatField):
    """A JSON number of degrees, from `-most` to `most`."""

    default_error_messages = {"out_of_range": _("Ensure this value is from -{most} to {most}.")}

    def __init__(self, *, most: int, **options: Any) -> None:
        """Set the bound, in degrees."""
        self.most = most
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> float:
        if type(data) not in {int, float}:
            self.fail("invalid")
        if not -self.most <= data <= self.most:
            self.fail("out_of_range", most=self.most)
        return float(data)


class ItemSerializer(StrictSerializer):
    """An item; prices in minor units of `currency`, degrees in WGS 84.

    Its manager sees where it is; for others `latitude` and `longitude` are up to 300 m off, always by the same.
    """

    id = serializers.UUIDField(read_only=True)
    manager = serializers.UUIDField(read_only=True, source="manager_id")
    name = serializers.CharField(max_length=domain.MAX_NAME)
    description = serializers.CharField(
        max_length=domain.MAX_DESCRIPTION, allow_blank=True, default="", style={"base_template": "textarea.html"}
    )
    category = serializers.CharField(max_length=domain.MAX_CATEGORY)
    daily_price = serializers.IntegerField(min_value=domain.MIN_DAILY_PRICE, max_value=domain.MAX_DAILY_PRICE)
    deposit = serializers.IntegerField(min_value=domain.MIN_DEPOSIT, max_value=domain.MAX_DEPOSIT, default=0)
    currency = serializers.ChoiceField([domain.KRW], default=domain.KRW)
    latitude = DegreesField(most=domain.MAX_LATITUDE)
    longitude = DegreesField(most=domain.MAX_LONGITUDE)
    place = serializers.CharField(max_length=domain.MAX_PLACE)
    state = serializers.ChoiceField(list(domain.ItemState), read_only=True)
    availability = serializers.ChoiceField(list(domain.Availability), read_only=True)
    version = serializers.IntegerField(read_only=True)
    registered_at = serializers.DateTimeField(read_only=True, default_timezone=UTC)
    updated_at = serializers.DateTimeField(read_only=True, default_timezone=UTC)


class FoundItemSerializer(ItemSerializer):
    """An item in a list; `distance_m` is there when `near` was given."""

    distance_m = serializers.IntegerField(required=False)


_item = representation_of(ItemSerializer, computed=("latitude", "longitude"))


def item_json(item: Mapping[str, Any], *, viewer: UUID | None) -> dict[str, Any]:
    """Return an item's row as the person `viewer` sees it, with its distance where the row has one; `vars()` of a model is a row."""
    latitude, longitude = (item["latitude"], item["longitude"]) if item["manager_id"] == viewer else domain.shown_place(item=item)
    shown = _item(item, latitude=latitude, longitude=longitude)
    if "distance_m" in item:
        shown["distance_m"] = item["distance_m"]
    return shown
