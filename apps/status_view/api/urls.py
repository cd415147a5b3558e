"""Where the status view answers, below `/api/v1/status/`."""

from django.urls import path

from apps.status_view.api import views

urlpatterns = [
    path("items", views.ItemStatusListView.as_view(), name="item-statuses"),
    path("items/<id:item_id>", views.ItemStatusView.as_view(), name="item-status"),
    path("rentals", views.RentalStatusListView.as_view(), name="rental-statuses"),
    path("rentals/<id:rental_id>", views.RentalStatusView.as_view(), name="rental-status"),
]
