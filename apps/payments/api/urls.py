"""The routes under /api/v1/payments/."""

from django.urls import path

from apps.payments.api import views

urlpatterns = [
    path("webhooks/<slug:gateway>", views.WebhookView.as_view(), name="payment-webhook"),
]
