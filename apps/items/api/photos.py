"""Photos of items over HTTP."""

from contextlib import ExitStack
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.items import domain, queries
from apps.items.api.serializers import ItemSerializer, PhotoSerializer, photo_json
from apps.items.api.views import item_response
from apps.items.photos import album, making
from apps.items.services import photographing
from gdmarket import clock
from gdmarket.rest import etags
from gdmarket.rest.permissions import has_role
from gdmarket.rest.serializers import StrictSerializer
from gdmarket.rest.throttles import AnonThrottle, UploadThrottle, UserThrottle
from gdmarket.rest.uploads import UploadView
from gdmarket.rest.views import ApiRequest, ApiView

_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary", "description": "A JPEG, PNG, WebP, HEIC or AVIF of up to 25 MiB."},
        "alt": {"type": "string", "maxLength": domain.MAX_ALT, "description": "What the photo shows. Empty when it is not given."},
    },
}


class PhotoFormSerializer(StrictSerializer):
    """A photo as it is sent."""

    file = serializers.FileField(allow_empty_file=True)  # what is in it is looked at later
    alt = serializers.CharField(max_length=domain.MAX_ALT, allow_blank=True, default="")


class PhotoChangeSerializer(StrictSerializer):
    """What of a photo can be changed; nothing of the picture."""

    alt = serializers.CharField(max_length=domain.MAX_ALT, allow_blank=True, required=False)
    position = serializers.IntegerField(
        min_value=1, max_value=domain.MAX_PHOTOS, required=False, help_text="Where it stands among the item's photos, from 1."
    )


class PhotoList(UploadView):
    """The photos of an item, which the item itself lists."""

    permission_classes = [has_role("item_manager")]
    throttle_classes = [UserThrottle, AnonThrottle, UploadThrottle]
    most_bytes = domain.MAX_PHOTO_BYTES

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with ExitStack() as self._slots:
            return super().dispatch(request, *args, **kwargs)

    def admit(self) -> None:
        self._slots.enter_context(making.reserve_slot())

    @extend_schema(operation_id="addPhoto", tags=["items"], request={"multipart/form-data": _FORM}, responses={201: ItemSerializer})
    def post(self, request: ApiRequest, item_id: UUID) -> HttpResponse:
        """Add a photo to an own item, behind the others. It is stored upright, in two sizes, without where and when it was taken."""
        sent = PhotoFormSerializer.validated(request.data)
        photo_id = request.operation_id
        item = photographing.add_photo(
            item_id=item_id, by=request.person_id, photo_id=photo_id, raw=sent["file"].read(), alt=sent["alt"], now=clock.now()
        )
        answer = item_response(request, vars(item), status=201)
        answer["Location"] = request.build_absolute_uri(reverse("photo", args=[item_id, photo_id]))
        return answer


class PhotoDetail(ApiView):
    """One photo of an item."""

    permission_classes = [has_role("item_manager", reading_is_open=True)]

    @extend_schema(operation_id="getPhoto", tags=["items"], responses=PhotoSerializer, auth=[])
    def get(self, request: ApiRequest, item_id: UUID, photo_id: UUID) -> HttpResponse:
        """Show a photo of an item: where its files are."""
        item = queries.get_item(item_id=item_id)
        photo = album.find(item["photos"] or (), str(photo_id))
        return etags.versioned_response(request, photo_json(photo, origin=request.origin), version=item["version"], variant=None)

    @extend_schema(operation_id="revisePhoto", tags=["items"], request=PhotoChangeSerializer(partial=True), responses=ItemSerializer)
    def patch(self, request: ApiRequest, item_id: UUID, photo_id: UUID) -> HttpResponse:
        """Change what a photo of an own item is said to show, or its place among the others."""
        changes = PhotoChangeSerializer.validated(request.data, partial=True)
        expected = etags.expected_version(request)
        item = photographing.change_photo(
            item_id=item_id, by=request.person_id, photo_id=photo_id, expected_version=expected, now=clock.now(), **changes
        )
        return item_response(request, vars(item))

    @extend_schema(operation_id="removePhoto", tags=["items"], responses={204: None})
    def delete(self, request: ApiRequest, item_id: UUID, photo_id: UUID) -> HttpResponse:
        """Remove a photo from an own item."""
        photographing.remove_photo(item_id=item_id, by=request.person_id, photo_id=photo_id, now=clock.now())
        return Response(status=204)
