"""POSTs with an Idempotency-Key."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from rest_framework.test import APIClient

from gdmarket import clock, errors
from gdmarket.rest import idempotency_store as store
from gdmarket.rest.models import IdempotencyKey
from tests.factories.accounts import UserFactory
from tests.unit.gdmarket.rest.sample_api import CALLS, Calls, ClosedError, TakenError

pytestmark = [pytest.mark.urls("tests.unit.gdmarket.rest.sample_api"), pytest.mark.django_db]

AsUser = Callable[[Any], APIClient]


@pytest.fixture
def api(as_user: AsUser) -> APIClient:
    """Return the client of somebody who has signed in."""
    return as_user(UserFactory())


def post(api: APIClient, note: str = "a", key: str | None = "k1", path: str = "/api/v1/notes") -> Any:
    api.raise_request_exception = False
    headers: Any = {} if key is None else {"HTTP_IDEMPOTENCY_KEY": key}
    return api.post(path, {"note": note}, format="json", **headers)


def test_the_same_key_and_body_get_the_first_response_again_and_nothing_happens_twice(api: APIClient, calls: Calls) -> None:
    first, second = post(api), post(api)
    assert len(calls.notes) == 1
    assert (second.status_code, second.content) == (first.status_code, first.content) == (201, b'{"number":1}')
    assert [second[name] for name in ("Content-Type", "ETag", "Location")] == ["application/json", '"1"', "/notes/1"]
    assert second["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers


def test_without_a_key_each_request_is_separate(api: APIClient, calls: Calls) -> None:
    post(api, key=None)
    post(api, key=None)
    assert len({operation_id for _, operation_id in calls.notes}) == 2
    assert {operation_id.version for _, operation_id in calls.notes} == {7}
    assert IdempotencyKey.objects.count() == 0


def test_the_same_key_with_another_body_is_422_and_nothing_happens(api: APIClient, calls: Calls) -> None:
    post(api, "a")
    answer = post(api, "b")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert [note for note, _ in calls.notes] == ["a"]


@pytest.mark.parametrize("key", ["", "two words", "쉰", "x" * 256, "tab\there"])
def test_a_malformed_key_is_400_and_nothing_happens(api: APIClient, calls: Calls, key: str) -> None:
    answer = post(api, key=key)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")
    assert calls.notes == []
    assert post(api, key="x" * 255).status_code == 201


def test_a_key_belongs_to_one_caller(api: APIClient, as_user: AsUser, calls: Calls) -> None:
    one, other = as_user(UserFactory()), as_user(UserFactory())
    assert [post(client).json() for client in (api, one, other)] == [{"number": 1}, {"number": 2}, {"number": 3}]
    assert post(one).json() == {"number": 2}


@pytest.mark.parametrize(("error", "status"), [(TakenError(thing="The drill", until="noon"), 409), (errors.DeclinedError(), 402)])
def test_an_error_is_replayed(api: APIClient, calls: Calls, error: Exception, status: int) -> None:
    calls.fails_with = [error]
    first, second = post(api), post(api)
    assert (first.status_code, second.status_code) == (status, status)
    assert second["Content-Type"] == "application/problem+json"
    assert second.content == first.content
    assert second["Idempotent-Replayed"] == "true"
    assert len(calls.notes) == 1


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (ClosedError(retry_after_s=1), 503),
        (ZeroDivisionError(), 500),
        (OperationalError("gone"), 503),
        (502, 502),
        (errors.TooOftenError(retry_after_s=1), 429),
        (errors.NotAuthenticatedError(), 401),
    ],
)
def test_a_transient_failure_is_repeated_as_the_same_operation(api: APIClient, calls: Calls, failure: Any, status: int) -> None:
    calls.fails_with = [failure]
    assert post(api).status_code == status
    assert post(api).status_code == 201
    assert len({operation_id for _, operation_id in calls.notes}) == 1
    assert post(api)["Idempotent-Replayed"] == "true"
    assert len(calls.notes) == 2


def test_a_request_that_died_is_repeated_as_the_same_operation_once_its_lease_has_expired(calls: Calls) -> None:
    api, body = APIClient(), b'{"note":"a"}'
    scope = store.scope_of(actor=None, method="POST", path="/api/v1/notes", body=body)
    died = store.acquire_lease(scope=scope, key="k1", body=body, owner="o", now=clock.now())
    assert isinstance(died, store.IdempotencyLease)
    waiting = post(api)
    assert (waiting.status_code, waiting.json()["code"], waiting["Retry-After"]) == (409, "request_in_progress", "1")
    IdempotencyKey.objects.update(locked_until=clock.now())
    assert post(api).status_code == 201
    assert calls.notes == [("a", died.operation_id)]


def test_a_response_without_the_lease_is_not_stored(calls: Calls) -> None:
    request: dict[str, Any] = {"scope": "s", "key": "k", "body": b"{}", "owner": "o"}
    now = clock.now()
    slow = store.acquire_lease(**request, now=now)
    quick = store.acquire_lease(**request, now=now + store.LEASE)
    assert isinstance(slow, store.IdempotencyLease)
    assert isinstance(quick, store.IdempotencyLease)
    store.store(slow, store.StoredResponse(status=201, headers={}, body=b"late"))
    store.store(quick, store.StoredResponse(status=201, headers={}, body=b"right"))
    store.release(quick, now=now)
    assert store.acquire_lease(**request, now=now) == store.StoredResponse(status=201, headers={}, body=b"right")


def test_responses_are_encrypted(api: APIClient, calls: Calls) -> None:
    person: Any = UserFactory()
    answer = api.post("/api/v1/auth/token", {"email": person.email, "password": "gdmarket-demo"}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    row = IdempotencyKey.objects.get()
    assert answer.json()["refresh"].encode() not in bytes(row.body or b"")
    assert "gdmarket-demo" not in f"{row.body_digest}{row.headers}"


def test_a_key_expires_after_a_day(api: APIClient, calls: Calls) -> None:
    post(api)
    IdempotencyKey.objects.update(created_at=clock.now() - timedelta(hours=24))
    assert post(api, "b").json() == {"number": 2}
    assert post(api, "b")["Idempotent-Replayed"] == "true"


def test_expired_keys_are_purged(capsys: pytest.CaptureFixture[str]) -> None:
    now = clock.now()
    for hours in (1, 23, 25, 300):
        store.acquire_lease(scope="s", key=f"{hours}h", body=b"", owner="o", now=now - timedelta(hours=hours))
    call_command("purge_idempotency_keys", "--dry-run")
    assert IdempotencyKey.objects.count() == 4
    call_command("purge_idempotency_keys")
    call_command("purge_idempotency_keys")
    assert sorted(IdempotencyKey.objects.values_list("key", flat=True)) == ["1h", "23h"]
    assert capsys.readouterr().out.splitlines() == [
        "Would delete 2 idempotency key(s) older than 24 hours.",
        "Deleted 2 idempotency key(s) older than 24 hours.",
        "Deleted 0 idempotency key(s) older than 24 hours.",
    ]


def test_strangers_with_the_same_key_never_collide(calls: Calls) -> None:
    one, other = post(APIClient(), "a"), post(APIClient(), "b")
    assert [(answer.status_code, answer.json()) for answer in (one, other)] == [(201, {"number": 1}), (201, {"number": 2})]
    assert post(APIClient(), "a").content == one.content
    assert [note for note, _ in calls.notes] == ["a", "b"]


@pytest.mark.parametrize(
    "error", [TakenError(thing="The drill", until="noon"), errors.NotAuthenticatedError(), errors.TooOftenError(retry_after_s=1)]
)
def test_a_refusal_of_a_stranger_is_not_kept(calls: Calls, error: Exception) -> None:
    calls.fails_with = [error]
    assert post(APIClient()).status_code in {401, 409, 429}
    assert not IdempotencyKey.objects.exists()
    assert post(APIClient(), "<unknown>" * 40_000).status_code in {400, 413}
    assert not IdempotencyKey.objects.exists()
    assert post(APIClient()).status_code == 201


def test_thousands_of_unknown_fields_get_twenty_errors_and_keep_nothing(api: APIClient, calls: Calls) -> None:
    body = {f"unknown{number}": 1 for number in range(12_000)} | {"x" * 50_000: 1}
    for client in (APIClient(), api):
        answer = client.post("/api/v1/notes", body, format="json", HTTP_IDEMPOTENCY_KEY="k")
        assert (answer.status_code, len(answer.json()["errors"])) == (400, 20)
        assert len(answer.content) < 16 * 1024
    assert sum(len(bytes(row.body or b"")) for row in IdempotencyKey.objects.all()) < 16 * 1024
    assert calls.notes == []


def test_a_response_above_64_kib_is_not_kept_and_its_repetition_is_the_same_operation(
    api: APIClient, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_STORED_BYTES", 11)
    assert [post(api).json(), post(api).json()] == [{"number": 1}, {"number": 2}]
    assert len({operation_id for _, operation_id in calls.notes}) == 1
    assert [bytes(row.body or b"") for row in IdempotencyKey.objects.all()] == [b""]


def test_kept_answers_expire_by_themselves_and_are_bounded_in_number(api: APIClient, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "KEYS_OF_ONE_CALLER", 60)
    assert post(APIClient(), key="a-stranger").status_code == 201
    for number in range(100):
        assert post(api, key=f"old{number}").status_code == 201
    own = IdempotencyKey.objects.exclude(key="a-stranger")
    assert 60 <= own.count() < 60 + 50
    assert post(APIClient(), key="a-stranger")["Idempotent-Replayed"] == "true"
    IdempotencyKey.objects.update(created_at=clock.now() - timedelta(hours=24))
    for number in range(50):
        assert post(APIClient(), key=f"new{number}").status_code == 201
    assert not IdempotencyKey.objects.filter(key__startswith="old").exists()
    assert IdempotencyKey.objects.count() <= 50


@pytest.mark.django_db(transaction=True)
def test_the_handler_runs_outside_any_transaction(api: APIClient, calls: Calls) -> None:
    post(api)
    assert calls.in_transaction == [False]


@pytest.mark.django_db(transaction=True)
def test_of_many_concurrent_requests_with_one_key_exactly_one_is_processed(calls: Calls) -> None:
    calls.gate = threading.Event()
    everybody_there = threading.Barrier(8)

    def one_of_many(_: int) -> tuple[int, str]:
        everybody_there.wait(10)
        try:
            answer = post(APIClient())
            if answer.status_code != 201 and CALLS.gate is not None:
                assert CALLS.waiting.wait(10)
            return answer.status_code, answer.json().get("code", "")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        results = [pool.submit(one_of_many, number) for number in range(8)]
        assert calls.waiting.wait(10)
        while sum(result.done() for result in results) < 7:
            threading.Event().wait(0.01)
        calls.gate.set()
        answers = sorted(result.result() for result in results)
    assert answers == [(201, "")] + [(409, "request_in_progress")] * 7
    assert len(calls.notes) == 1
    assert post(APIClient())["Idempotent-Replayed"] == "true"
