"""The routes of items."""

from django.urls import path

from apps.items.api import photos, views

urlpatterns = [
    path("items", views.ItemList.as_view(), name="items"),
    path("items/<id:item_id>", views.ItemDetail.as_view(), name="item"),
    path("items/<id:item_id>/photos", photos.PhotoList.as_view(), name="photos"),
    path("items/<id:item_id>/photos/<id:photo_id>", photos.PhotoDetail.as_view(), name="photo"),
]
