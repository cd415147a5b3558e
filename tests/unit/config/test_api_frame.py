"""What is on the way to the API and the probes, and what is not: pages' middleware. The headers of their answers."""

import gc
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, get_resolver
from pytest_django import Settings

from config.api import PAGES
from gdmarket.rest.views import ApiView
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db

ID = "0197f7a2-0000-7000-8000-00000000000a"
ITEM = f"/api/v1/items/{ID}"
SAME_AS_PAGES = ("Content-Security-Policy", "Cross-Origin-Opener-Policy", "Referrer-Policy", "X-Content-Type-Options", "X-Frame-Options")
passed_on: list[str] = []


def recorder(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Record what gets as far as pages' middleware."""

    def respond(request: HttpRequest) -> HttpResponse:
        passed_on.append(request.path)
        return get_response(request)

    return respond


@pytest.fixture
def watched(settings: Settings) -> Client:
    """Return a client of a market that records what gets as far as pages' middleware."""
    passed_on.clear()
    after = settings.MIDDLEWARE.index("config.api.ApiMiddleware") + 1
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:after], f"{__name__}.recorder", *settings.MIDDLEWARE[after:]]
    return Client()


@pytest.mark.parametrize("path", ["/api/v1/items", ITEM, "/api/v1/nowhere", "/api/v1/status/rentals", "/health/live", "/health/ready"])
def test_no_middleware_of_pages_runs_for_the_api_and_the_probes(watched: Client, path: str) -> None:
    answer = watched.get(path)
    assert (passed_on, list(answer.cookies)) == ([], [])


@pytest.mark.parametrize("path", ["/admin/login/", "/api/v1/docs", "/api/v1/schema", "/nowhere", "/health/other", "/apis"])
def test_every_other_address_is_pages_middlewares(watched: Client, path: str) -> None:
    watched.get(path)
    assert passed_on == [path]


@pytest.mark.parametrize("path", ["/api/v1/items", ITEM, "/api/v1/nowhere", "/api/v1/rentals", "/health/live"])
def test_an_answer_has_the_headers_that_pages_have(client: Client, path: str) -> None:
    page, answer = client.get("/api/v1/docs"), client.get(path)

    assert {name: answer[name] for name in SAME_AS_PAGES} == {name: page[name] for name in SAME_AS_PAGES}
    assert answer["Content-Length"] == str(len(answer.content))
    assert (answer["Vary"], answer["Content-Language"]) == ("Accept-Language", "en")
    assert "Strict-Transport-Security" not in answer


@pytest.fixture
def https(settings: Settings) -> Client:
    """Return a client of a market that is reached by HTTPS."""
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 3600
    return Client()


def test_by_https_every_answer_says_so_for_later(https: Client) -> None:
    for path in ("/api/v1/items", ITEM, "/api/v1/docs"):
        assert "max-age=3600" in https.get(path, secure=True)["Strict-Transport-Security"]


def test_by_http_the_api_is_redirected_to_https_and_probes_are_not(https: Client) -> None:
    redirected = https.get(f"{ITEM}?min_version=1")
    assert (redirected.status_code, redirected["Location"]) == (301, f"https://testserver{ITEM}?min_version=1")
    assert https.get("/health/live").status_code == 200


def test_a_name_that_is_not_allowed_is_refused_but_probes_may_name_any(client: Client) -> None:
    refused = client.get("/api/v1/items", headers={"host": "evil.example"})
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_request")
    assert "X-Correlation-ID" in refused
    assert client.get("/health/live", headers={"host": "10.1.2.3"}).status_code == 200


def test_a_language_is_that_of_one_request(client: Client) -> None:
    def title(**headers: str) -> tuple[str, str]:
        answer = client.get("/api/v1/rentals", headers=headers)
        return answer.json()["title"], answer["Content-Language"]

    assert title() == ("Not signed in", "en")
    assert title(accept_language="ko-KR,ko;q=0.9,en;q=0.8") == ("로그인 필요", "ko")
    assert title() == ("Not signed in", "en")
    assert title(cookie="django_language=ko") == ("로그인 필요", "ko")
    assert client.get("/admin/login/", headers={"accept-language": "ko"})["Content-Language"] == "ko"
    assert title() == ("Not signed in", "en")


def test_a_bad_address_is_a_problem_in_the_callers_language(client: Client) -> None:
    answer = client.get("/api/v1/nowhere", headers={"accept-language": "ko", "accept": "text/html"})
    assert (answer.status_code, answer["Content-Type"], answer.json()["title"]) == (404, "application/problem+json", "찾을 수 없음")


def test_a_suspended_person_is_refused_at_once_though_the_token_was_read_before(as_user: Callable[[Any], Any]) -> None:
    person: Any = UserFactory()
    client = as_user(person)
    assert client.get("/api/v1/rentals").status_code == 200
    person.is_active = False
    person.save()
    assert client.get("/api/v1/rentals").status_code == 401


@dataclass(frozen=True, kw_only=True)
class Route:
    route: str
    is_api_view: bool


def routes(patterns: list[Any], before: str = "") -> Iterator[Route]:
    for pattern in patterns:
        route = f"{before}{pattern.pattern}"
        if isinstance(pattern, URLPattern):
            yield Route(route=route, is_api_view=issubclass(getattr(pattern.callback, "cls", object), ApiView))
        else:
            yield from routes(pattern.url_patterns, route)


def test_all_of_the_api_but_its_pages_is_views_that_need_no_middleware_of_pages() -> None:
    others = {f"/{pattern.route}" for pattern in routes(get_resolver("config.urls").url_patterns) if not pattern.is_api_view}
    assert {route for route in others if route.startswith("/api/")} == PAGES


@pytest.mark.parametrize("path", [f"{ITEM}/", "/api/v1/items/1", "/api/v1/<>", "/api/v1/items/<>", "/api/v1/rentals/<>/payment"])
def test_an_address_that_no_route_has_is_not_found(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/api/v1/items", ITEM, "/api/v1/rentals"])
def test_an_answered_request_is_freed_at_once(path: str) -> None:
    handler = WSGIHandler()
    handler.get_response(RequestFactory().get(path))  # the first one fills caches
    gc.collect()
    gc.disable()
    try:
        request = RequestFactory().get(path)
        kept = weakref.ref(request)
        handler.get_response(request).close()
        del request
        assert kept() is None
    finally:
        gc.enable()


def test_a_head_is_answered_without_a_body_and_with_its_length() -> None:
    headers: dict[str, str] = {}
    environ = RequestFactory(headers={"host": "localhost"}).head("/api/v1/items").environ

    def start(_status: str, given: list[tuple[str, str]], _error: Any = None, /) -> Callable[[bytes], object]:
        headers.update(given)
        return list

    body = b"".join(WSGIHandler()(environ, start))

    assert (body, int(headers["Content-Length"]) > 0) == (b"", True)
