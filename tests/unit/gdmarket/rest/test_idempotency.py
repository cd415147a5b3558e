"""POSTs that are sent twice."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from rest_framework.test import APIClient

from gdmarket import clock, errors
from gdmarket.rest import idempotency_store
from gdmarket.rest.models import IdempotencyKey
from tests.factories.accounts import UserFactory
from tests.unit.gdmarket.rest.desk import DESK, ClosedError, Desk, TakenError

pytestmark = [pytest.mark.urls("tests.unit.gdmarket.rest.desk"), pytest.mark.django_db]

AsUser = Callable[[Any], APIClient]


def post(api: APIClient, note: str = "a", key: str | None = "k1", path: str = "/api/v1/notes") -> Any:
    api.raise_request_exception = False
    headers: Any = {} if key is None else {"HTTP_IDEMPOTENCY_KEY": key}
    return api.post(path, {"note": note}, format="json", **headers)


def test_the_same_key_and_body_get_the_first_answer_again_and_nothing_is_done_twice(api: APIClient, desk: Desk) -> None:
    first, second = post(api), post(api)
    assert len(desk.notes) == 1
    assert (second.status_code, second.content) == (first.status_code, first.content) == (201, b'{"number":1}')
    assert [second[name] for name in ("Content-Type", "ETag", "Location")] == ["application/json", '"1"', "/notes/1"]
    assert second["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers


def test_without_a_key_each_request_is_one_of_its_own(api: APIClient, desk: Desk) -> None:
    post(api, key=None)
    post(api, key=None)
    assert len({operation_id for _, operation_id in desk.notes}) == 2
    assert IdempotencyKey.objects.count() == 0


def test_the_same_key_with_another_body_is_422_and_nothing_is_done(api: APIClient, desk: Desk) -> None:
    post(api, "a")
    answer = post(api, "b")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert [note for note, _ in desk.notes] == ["a"]


@pytest.mark.parametrize("key", ["", "two words", "쉰", "x" * 256, "tab\there"])
def test_a_key_that_is_no_key_is_400_and_nothing_is_done(api: APIClient, desk: Desk, key: str) -> None:
    answer = post(api, key=key)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")
    assert desk.notes == []


def test_a_key_of_255_characters_will_do(api: APIClient, desk: Desk) -> None:
    assert post(api, key="x" * 255).status_code == 201


def test_a_key_belongs_to_one_caller(api: APIClient, as_user: AsUser, desk: Desk) -> None:
    one, other = as_user(UserFactory()), as_user(UserFactory())
    assert [post(client).json() for client in (api, one, other)] == [{"number": 1}, {"number": 2}, {"number": 3}]
    assert post(one).json() == {"number": 2}


def test_refusals_are_answers_too(api: APIClient, desk: Desk) -> None:
    desk.fails_with = [TakenError(thing="The drill", until="noon")]
    first, second = post(api), post(api)
    assert (first.status_code, second.status_code) == (409, 409)
    assert second["Content-Type"] == "application/problem+json"
    assert second.content == first.content
    assert second["Idempotent-Replayed"] == "true"
    assert len(desk.notes) == 1


def test_a_declined_payment_stays_declined_under_its_key(api: APIClient, desk: Desk) -> None:
    desk.fails_with = [errors.DeclinedError()]
    assert [post(api).status_code, post(api).status_code, post(api, key="k2").status_code] == [402, 402, 201]


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
def test_what_failed_for_now_is_done_again_as_the_same_operation(api: APIClient, desk: Desk, failure: Any, status: int) -> None:
    desk.fails_with = [failure]
    assert post(api).status_code == status
    assert post(api).status_code == 201
    assert len({operation_id for _, operation_id in desk.notes}) == 1
    assert post(api)["Idempotent-Replayed"] == "true"
    assert len(desk.notes) == 2


def test_a_run_that_died_is_repeated_as_the_same_operation_once_its_turn_has_run_out(api: APIClient, desk: Desk) -> None:
    body = b'{"note":"a"}'
    scope = idempotency_store.scope_of(actor="anonymous", method="POST", path="/api/v1/notes")
    died = idempotency_store.acquire_lease(scope=scope, key="k1", body=body, now=clock.now())
    assert isinstance(died, idempotency_store.IdempotencyLease)
    waiting = post(api)
    assert (waiting.status_code, waiting.json()["code"], waiting["Retry-After"]) == (409, "request_in_progress", "1")
    IdempotencyKey.objects.update(locked_until=clock.now())
    assert post(api).status_code == 201
    assert desk.notes == [("a", died.operation_id)]


def test_who_lost_the_turn_cannot_keep_an_answer(desk: Desk) -> None:
    asked: dict[str, Any] = {"scope": "s", "key": "k", "body": b"{}"}
    now = clock.now()
    slow = idempotency_store.acquire_lease(**asked, now=now)
    quick = idempotency_store.acquire_lease(**asked, now=now + idempotency_store.LEASE)
    assert isinstance(slow, idempotency_store.IdempotencyLease)
    assert isinstance(quick, idempotency_store.IdempotencyLease)
    idempotency_store.store(slow, idempotency_store.StoredResponse(status=201, headers={}, body=b"late"))
    idempotency_store.store(quick, idempotency_store.StoredResponse(status=201, headers={}, body=b"right"))
    idempotency_store.release(quick, now=now)
    assert idempotency_store.acquire_lease(**asked, now=now) == idempotency_store.StoredResponse(status=201, headers={}, body=b"right")


def test_answers_are_not_kept_in_clear(api: APIClient, desk: Desk) -> None:
    person: Any = UserFactory()
    answer = api.post("/api/v1/auth/token", {"email": person.email, "password": "gdmarket-demo"}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    kept = IdempotencyKey.objects.get()
    assert answer.json()["refresh"].encode() not in bytes(kept.body or b"")
    assert "gdmarket-demo" not in f"{kept.body_digest}{kept.headers}"


def test_a_key_is_forgotten_after_a_day(api: APIClient, desk: Desk) -> None:
    post(api)
    IdempotencyKey.objects.update(created_at=clock.now() - timedelta(hours=24))
    assert post(api, "b").json() == {"number": 2}
    assert post(api, "b")["Idempotent-Replayed"] == "true"


def test_old_answers_are_purged_and_young_ones_kept(capsys: pytest.CaptureFixture[str]) -> None:
    now = clock.now()
    for hours in (1, 23, 25, 300):
        idempotency_store.acquire_lease(scope="s", key=f"{hours}h", body=b"", now=now - timedelta(hours=hours))
    call_command("purge_idempotency_keys", "--dry-run")
    assert IdempotencyKey.objects.count() == 4
    call_command("purge_idempotency_keys")
    call_command("purge_idempotency_keys")
    assert sorted(IdempotencyKey.objects.values_list("key", flat=True)) == ["1h", "23h"]
    assert capsys.readouterr().out.splitlines() == [
        "Would forget 2 answer(s) older than 24 hours.",
        "Forgot 2 answer(s) older than 24 hours.",
        "Forgot 0 answer(s) older than 24 hours.",
    ]


@pytest.mark.django_db(transaction=True)
def test_the_handler_runs_outside_any_transaction(api: APIClient, desk: Desk) -> None:
    post(api)
    assert desk.in_transaction == [False]


@pytest.mark.django_db(transaction=True)
def test_of_many_with_one_key_at_once_exactly_one_is_done(desk: Desk) -> None:
    desk.gate = threading.Event()
    everybody_there = threading.Barrier(8)

    def one_of_many(_: int) -> tuple[int, str]:
        everybody_there.wait(10)
        try:
            answer = post(APIClient())
            if answer.status_code != 201 and DESK.gate is not None:
                assert DESK.waiting.wait(10)
            return answer.status_code, answer.json().get("code", "")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        results = [pool.submit(one_of_many, number) for number in range(8)]
        assert desk.waiting.wait(10)
        while sum(result.done() for result in results) < 7:
            threading.Event().wait(0.01)
        desk.gate.set()
        told = sorted(result.result() for result in results)
    assert told == [(201, "")] + [(409, "request_in_progress")] * 7
    assert len(desk.notes) == 1
    assert post(APIClient())["Idempotent-Replayed"] == "true"


def test_an_operation_id_is_a_uuid_that_sorts_by_time(api: APIClient, desk: Desk) -> None:
    for key in ("k1", None, "k2"):
        post(api, key=key)
    made: list[UUID] = [operation_id for _, operation_id in desk.notes]
    assert [operation_id.version for operation_id in made] == [7, 7, 7]
