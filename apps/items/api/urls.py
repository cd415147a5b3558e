"""The routes of items."""

from django.urls import path

from apps.items.api import views

urlpatterns = [
    path("items", views.ItemList.as_view(), name="items"),
    path("items/<id:item_id>", views.ItemDetail.as_view(), name="item"),
]
