"""Items as JSON."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.items import domain
from apps.items.photos.album import Photo
from gdmarket import media
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


class PhotoSerializer(serializers.Serializer[Any]):
    """A photo of an item: WebP of at most 1280 pixels a side, and a thumbnail of at most 320. What is at these addresses never changes."""

    id = serializers.UUIDField()
    url = serializers.URLField()
    thumbnail = serializers.URLField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    alt = serializers.CharField(help_text="What it shows; may be empty.")


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
    photos = PhotoSerializer(many=True, read_only=True)
    version = serializers.IntegerField(read_only=True)
    registered_at = serializers.DateTimeField(read_only=True, default_timezone=UTC)
    updated_at = serializers.DateTimeField(read_only=True, default_timezone=UTC)


class FoundItemSerializer(ItemSerializer):
    """An item in a list; `distance_m` is there when `near` was given."""

    distance_m = serializers.IntegerField(required=False)


_item = representation_of(ItemSerializer, computed=("latitude", "longitude", "photos"))


def item_json(item: Mapping[str, Any], *, viewer: UUID | None, origin: str) -> dict[str, Any]:
    """Return an item's row as the person `viewer` sees it, with its distance where the row has one; `vars()` of a model is a row.

    `origin` is the market's address, from which photos may be fetched.
    """
    latitude, longitude = (item["latitude"], item["longitude"]) if item["manager_id"] == viewer else domain.shown_place(item=item)
    photos = [photo_json(photo, origin=origin) for photo in item["photos"] or ()]
    shown = _item(item, latitude=latitude, longitude=longitude, photos=photos)
    if "distance_m" in item:
        shown["distance_m"] = item["distance_m"]
    return shown


def photo_json(photo: Photo, *, origin: str) -> dict[str, Any]:
    """Return a photo with the addresses of its files."""
    url, thumbnail = (media.url_of(name, origin=origin) for name in domain.photo_names(file=photo["file"]))
    shown = {"id": photo["id"], "url": url, "thumbnail": thumbnail}
    return {**shown, "width": photo["width"], "height": photo["height"], "alt": photo["alt"]}
