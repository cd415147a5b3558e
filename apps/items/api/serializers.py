"""Items as JSON."""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any
from uuid import UUID

from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from apps.items import domain
from apps.items.models import Category
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


@extend_schema_field({"type": "string", "format": "uuid", "default": None})
class PickupPlaceField(serializers.UUIDField):
    """The id of a pickup place, or null."""


class ItemSerializer(StrictSerializer):
    """An item; prices in minor units of `currency`, degrees in WGS 84.

    Its manager sees where it is, and by which pickup place; for others `latitude` and `longitude` are up to 300 m off, always by the same.
    `category` is a text as it was agreed on; `category_key` is the category's key, by which it is listed.
    """

    id = serializers.UUIDField(read_only=True)
    manager = serializers.UUIDField(read_only=True, source="manager_id")
    name = serializers.CharField(max_length=domain.MAX_NAME)
    description = serializers.CharField(
        max_length=domain.MAX_DESCRIPTION, allow_blank=True, default="", style={"base_template": "textarea.html"}
    )
    category = serializers.CharField(max_length=domain.MAX_CATEGORY)
    category_key = serializers.CharField(read_only=True, allow_null=True)
    daily_price = serializers.IntegerField(min_value=domain.MIN_DAILY_PRICE, max_value=domain.MAX_DAILY_PRICE)
    deposit = serializers.IntegerField(min_value=domain.MIN_DEPOSIT, max_value=domain.MAX_DEPOSIT, default=0)
    currency = serializers.ChoiceField([domain.KRW], default=domain.KRW)
    latitude = DegreesField(most=domain.MAX_LATITUDE)
    longitude = DegreesField(most=domain.MAX_LONGITUDE)
    place = serializers.CharField(max_length=domain.MAX_PLACE)
    pickup_place = PickupPlaceField(allow_null=True, default=None)
    state = serializers.ChoiceField(list(domain.ItemState), read_only=True)
    availability = serializers.ChoiceField(list(domain.Availability), read_only=True)
    photos = PhotoSerializer(many=True, read_only=True)
    version = serializers.IntegerField(read_only=True)
    registered_at = serializers.DateTimeField(read_only=True, default_timezone=UTC)
    updated_at = serializers.DateTimeField(read_only=True, default_timezone=UTC)


class FoundItemSerializer(ItemSerializer):
    """An item in a list; `distance_m` is there when `near` was given."""

    distance_m = serializers.IntegerField(required=False)


@extend_schema_serializer(component_name="Item")
class NewItemSerializer(ItemSerializer):
    """An item to register; with `pickup_place`, one of the manager's, it is where that is, whatever `place` and the degrees say."""

    latitude = DegreesField(most=domain.MAX_LATITUDE, required=False)
    longitude = DegreesField(most=domain.MAX_LONGITUDE, required=False)
    place = serializers.CharField(max_length=domain.MAX_PLACE, required=False)

    @classmethod
    def details(cls, data: Any) -> dict[str, Any]:
        """Return what `data` says of an item to register; without a pickup place, where it is must be there.

        :raises ValidationError: naming every field that is not acceptable
        """
        has_place = isinstance(data, Mapping) and data.get("pickup_place") is not None
        return (cls if has_place else ItemSerializer).validated(data)


class CategorySerializer(serializers.Serializer[Any]):
    """A category to choose: `category` of an item takes its key or any of its names, however it is written."""

    key = serializers.CharField()
    name_ko = serializers.CharField()
    name_en = serializers.CharField()
    icon = serializers.CharField(help_text="The name of its picture.")
    icon_url = serializers.URLField(help_text="An SVG image of 24 by 24 units in the current colour.")


class PickupPlaceSerializer(StrictSerializer):
    """A pickup place of the caller's; degrees in WGS 84, within the market's area."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(max_length=domain.MAX_PLACE)
    address = serializers.CharField(max_length=domain.MAX_ADDRESS, allow_blank=True, default="")
    latitude = DegreesField(most=domain.MAX_LATITUDE)
    longitude = DegreesField(most=domain.MAX_LONGITUDE)
    version = serializers.IntegerField(read_only=True)
    registered_at = serializers.DateTimeField(read_only=True, default_timezone=UTC)
    updated_at = serializers.DateTimeField(read_only=True, default_timezone=UTC)


place_json = representation_of(PickupPlaceSerializer)
_item = representation_of(ItemSerializer, computed=("latitude", "longitude", "pickup_place", "photos"))


def item_json(item: Mapping[str, Any], *, viewer: UUID | None, origin: str) -> dict[str, Any]:
    """Return an item's row as the person `viewer` sees it, with its distance where the row has one; `vars()` of a model is a row.

    `origin` is the market's address, from which photos may be fetched.
    """
    is_own = item["manager_id"] == viewer
    latitude, longitude = (item["latitude"], item["longitude"]) if is_own else domain.shown_place(item=item)
    photos = [photo_json(photo, origin=origin) for photo in item["photos"] or ()]
    place = item["pickup_place_id"] if is_own else None
    shown = _item(item, latitude=latitude, longitude=longitude, pickup_place=place, photos=photos)
    if "distance_m" in item:
        shown["distance_m"] = item["distance_m"]
    return shown


def photo_json(photo: Photo, *, origin: str) -> dict[str, Any]:
    """Return a photo with the addresses of its files."""
    url, thumbnail = (media.url_of(name, origin=origin) for name in domain.photo_names(file=photo["file"]))
    shown = {"id": photo["id"], "url": url, "thumbnail": thumbnail}
    return {**shown, "width": photo["width"], "height": photo["height"], "alt": photo["alt"]}


def category_json(category: Category, *, address: Callable[[str], str]) -> dict[str, Any]:
    """Return a category; `address` makes an absolute address of a path."""
    names = {"key": category.key, "name_ko": category.name_ko, "name_en": category.name_en}
    return {**names, "icon": category.icon, "icon_url": address(static(f"items/icons/{category.icon}.svg"))}
