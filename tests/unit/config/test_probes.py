"""An orchestrator's probes come to a pod by its address, over plain HTTP; everything else keeps to the list of hosts."""

import logging

import pytest
from django.test import Client
from pytest_django import Settings

from tests.architecture.source import ROOT

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
def test_no_other_page_is(path: str, client: Client, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["market.example.com"]

    refused = client.get(path, headers={"host": POD})

    assert (refused.status_code, refused.json()["code"]) == (400, "bad_request")


def test_what_is_answered_at_any_host_is_in_the_map_of_routes() -> None:
    routes = (ROOT / "config" / "urls.py").read_text()
    assert [probe for probe in PROBES if f'path("{probe[1:]}"' not in routes] == []


def test_a_host_that_is_not_ours_is_refused_and_is_no_error(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    assert client.get("/api/v1/items", headers={"host": "scanner.example"}).status_code == 400
    assert [record.name for record in caplog.records if record.levelno >= logging.ERROR] == []
