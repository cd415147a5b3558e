"""The addresses of rentals."""

from django.urls import path

from apps.rentals.api import views

urlpatterns = [
    path("rentals", views.RentalList.as_view(), name="rentals"),
    path("rentals/walk-in", views.WalkIn.as_view(), name="rental-walk-in"),
    path("rentals/<id:rental_id>", views.RentalDetail.as_view(), name="rental"),
    path("rentals/<id:rental_id>/payment", views.RentalPayment.as_view(), name="rental-payment"),
    path("rentals/<id:rental_id>/cancel", views.CancelRental.as_view(), name="rental-cancel"),
    path("rentals/<id:rental_id>/handover", views.HandOverRental.as_view(), name="rental-handover"),
    path("rentals/<id:rental_id>/return", views.ReturnRental.as_view(), name="rental-return"),
]
