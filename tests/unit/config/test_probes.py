"""Probes are answered at any host name and over plain HTTP; all other pages at the allowed hosts only."""

import logging

import pytest
from django.test import Client
from pytest_django import Settings

POD = "10.42.0.17:8000"
PROBES = ("/health/live", "/health/ready")


@pytest.mark.django_db
@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("https", [False, True])
def test_a_probe_is_answered_whatever_host_it_names(probe: str, https: bool, client: Client, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["market.example.com"]
    settings.SECURE_SSL_REDIRECT = https

    assert client.get(probe, headers={"host": POD}).status_code == 200
    assert client.post(probe, headers={"host": POD}).status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/v1/items", "/admin/login/", "/health/", "/health/live/", "/nowhere"])
def test_no_other_page_is_answered_at_another_host(path: str, client: Client, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["market.example.com"]

    refused = client.get(path, headers={"host": POD})

    assert (refused.status_code, refused.json()["code"]) == (400, "bad_request")


def test_a_host_that_is_not_ours_is_refused_and_is_no_error(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    assert client.get("/api/v1/items", headers={"host": "scanner.example"}).status_code == 400
    assert [record.name for record in caplog.records if record.levelno >= logging.ERROR] == []
