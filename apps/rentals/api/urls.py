"""The addresses of rentals."""

from django.urls import path

from apps.rentals.api import views

urlpatterns = [
    path("rentals", views.RentalList.as_view(), name="rentals"),
    path("rentals/<uuid:rental_id>", views.RentalDetail.as_view(), name="rental"),
    path("rentals/<uuid:rental_id>/payment", views.RentalPayment.as_view(), name="rental-payment"),
    path("rentals/<uuid:rental_id>/cancel", views.CancelRental.as_view(), name="rental-cancel"),
    path("rentals/<uuid:rental_id>/handover", views.HandOverRental.as_view(), name="rental-handover"),
    path("rentals/<uuid:rental_id>/return", views.ReturnRental.as_view(), name="rental-return"),
]
