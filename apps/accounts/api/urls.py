"""The routes under /api/v1/auth/."""

from django.urls import path

from apps.accounts.api import openapi, views

__all__ = ["openapi", "urlpatterns"]  # drf-spectacular finds what has been imported

urlpatterns = [
    path("register", views.RegisterView.as_view()),
    path("token", views.TokenView.as_view()),
    path("token/refresh", views.RefreshView.as_view()),
]
