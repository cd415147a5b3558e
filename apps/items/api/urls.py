"""The routes of items."""

from django.urls import path

from apps.items.api import photos, places, views

urlpatterns = [
    path("categories", places.CategoryList.as_view(), name="categories"),
    path("places", places.PlaceList.as_view(), name="places"),
    path("places/<id:place_id>", places.PlaceDetail.as_view(), name="place"),
    path("items", views.ItemList.as_view(), name="items"),
    path("items/<id:item_id>", views.ItemDetail.as_view(), name="item"),
    path("items/<id:item_id>/pause", views.PauseItem.as_view(), name="item-pause"),
    path("items/<id:item_id>/resume", views.ResumeItem.as_view(), name="item-resume"),
    path("items/<id:item_id>/photos", photos.PhotoList.as_view(), name="photos"),
    path("items/<id:item_id>/photos/<id:photo_id>", photos.PhotoDetail.as_view(), name="photo"),
]
