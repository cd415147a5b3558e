"""Rules that every parameter, field and path of the OpenAPI document keeps over HTTP, whoever added it."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from apps.items.models import Item
from apps.rentals.models import Rental
from tests.acceptance.conftest import Market
from tests.factories.accounts import UserFactory

Person = APIClient
INTEGER, MOMENT, ID = "integer", "date-time", "uuid"
#: Words of other alphabets that a Korean sentence may hold: names of formats and headers, and units.
KEPT_LATIN = {"JSON", "UUID", "UTF", "ETag", "If", "Match", "W", "Content", "Length", "Type", "KRW", "T", "API", "Idempotency", "Key"}


class Input(NamedTuple):
    """A field of a body or a parameter of a query string, and the call that takes it."""

    method: str
    path: str
    name: str
    schema: dict[str, Any]
    description: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.name}"


def document() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)


DOCUMENT = document()


def calls() -> Iterator[tuple[str, str, Any]]:
    """Yield every call of the API but webhooks, which are the provider's."""
    for path, item in DOCUMENT["paths"].items():
        if path.startswith(("/api/v1/auth", "/api/v1/items", "/api/v1/rentals", "/api/v1/status")):
            for method, operation in item.items():
                yield method, path, operation


def resolved(schema: Any) -> Any:
    name = schema.get("$ref", "").rpartition("/")[2]
    return DOCUMENT["components"]["schemas"][name] if name else schema


def fields() -> Iterator[Input]:
    for method, path, operation in calls():
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        for name, schema in resolved(content.get("schema", {})).get("properties", {}).items():
            yield Input(method, path, name, schema)


def parameters() -> Iterator[Input]:
    for method, path, operation in calls():
        for parameter in operation["parameters"]:
            if parameter.get("in") == "query":
                yield Input(method, path, parameter["name"], resolved(parameter["schema"]), parameter.get("description", ""))


FIELDS, PARAMETERS = list(fields()), list(parameters())
LISTS = {field.path for field in PARAMETERS if field.name == "limit"}


def of(inputs: list[Input], kind: str) -> list[Input]:
    return [field for field in inputs if kind in _kinds(field.schema)]


def _kinds(schema: Any) -> set[Any]:
    """Return the types of a value, null among them where it may be that, and its format."""
    types = schema.get("type")
    return {*(types if isinstance(types, list) else [types]), schema.get("format")}


@pytest.fixture
def person(transactional_db: None, as_user: Callable[[Any], APIClient]) -> Person:
    """Return somebody who may call everything."""
    return as_user(UserFactory(is_item_manager=True))


def url(path: str, ids: UUID | None = None) -> str:
    return re.sub(r"\{\w+\}", str(ids or uuid4()), path)


def send(person: Person, field: Input, value: Any, **headers: Any) -> Any:
    """Send a body with this one field."""
    return getattr(person, field.method)(url(field.path), {field.name: value}, format="json", **headers)


def ask(person: Person, field: Input, *values: str, **headers: Any) -> Any:
    """Ask with this one parameter, once for each value."""
    beside = {"near": "37.5,127.0"} if field.name == "radius_m" else {}
    return person.get(url(field.path), {**beside, field.name: list(values)}, **headers)


def refused(answer: Any) -> dict[str, str]:
    """Return the codes of the fields that an answer names."""
    assert answer.status_code < 500, answer.content
    return {error["field"]: error["code"] for error in answer.json().get("errors", [])} if answer.status_code == 400 else {}


def words(answer: Any) -> Iterator[str]:
    problem = answer.json()
    yield from (problem["title"], problem["detail"], *(error["detail"] for error in problem.get("errors", [])))


def test_the_tables_below_cover_the_document() -> None:
    assert len(LISTS) >= 4
    assert {field.name for field in of(PARAMETERS, INTEGER)} >= {"limit", "radius_m", "max_daily_price", "min_version"}
    assert {field.name for field in of(FIELDS, INTEGER)} >= {"daily_price", "deposit", "expected_price"}
    assert {field.name for field in (*of(FIELDS, ID), *of(PARAMETERS, ID))} >= {"item"}
    assert {field.name for field in of(PARAMETERS, MOMENT)} == {"free_from", "free_to"}
    assert {field.name for field in of(FIELDS, MOMENT)} >= {"starts_at", "ends_at"}


@pytest.mark.parametrize("field", of(FIELDS, INTEGER), ids=str)
def test_every_whole_number_of_a_body_may_have_a_zero_fraction_and_is_no_text(person: Person, field: Input) -> None:
    number = max(field.schema.get("minimum", 1), 1)
    assert refused(send(person, field, float(number))).get(field.name) is None
    for wrong in (str(number), "１２", True, number + 0.5, [number]):
        assert refused(send(person, field, wrong))[field.name] == "invalid", wrong
    assert not Item.objects.exists()
    assert not Rental.objects.exists()


@pytest.mark.parametrize("field", of(PARAMETERS, INTEGER), ids=str)
def test_every_whole_number_of_a_query_string_has_ascii_digits(person: Person, field: Input) -> None:
    assert refused(ask(person, field, str(max(field.schema.get("minimum", 1), 1)))) == {}
    for wrong in ("１２", "1_0", "+5", " 7", "7 ", "1.0", "٣"):
        assert refused(ask(person, field, wrong)) == {field.name: "invalid"}, wrong


SENT_BY_CLIENTS = ["2036-05-01T18:00:00+0900", "2036-05-01T18:00+09:00", "2036-05-01 18:00:00+09:00", "2036-05-01t09:00:00z"]
NOT_MOMENTS = [("2036-05-01T18:00:00", "offset"), ("2036-05-01", "time"), ("2036-13-01T18:00:00Z", "no such day"), ("soon", "as in")]


@pytest.mark.parametrize("field", of(FIELDS, MOMENT), ids=str)
def test_every_moment_of_a_body_is_read_as_clients_write_it(person: Person, field: Input) -> None:
    for text in SENT_BY_CLIENTS:
        assert refused(send(person, field, text)).get(field.name) != "invalid", text
    for text, why in [*NOT_MOMENTS, ("2036-05-01T18:00:00 09:00", "as in")]:
        answer = send(person, field, text)
        assert refused(answer)[field.name] == "invalid"
        assert any(why in words_of_it for words_of_it in words(answer)), list(words(answer))


@pytest.mark.parametrize("field", of(PARAMETERS, MOMENT), ids=str)
def test_every_moment_of_a_query_string_is_read_as_clients_write_it(person: Person, field: Input) -> None:
    for text in [*SENT_BY_CLIENTS, "2036-05-01T18:00:00 09:00"]:
        assert refused(ask(person, field, text)).get(field.name) != "invalid", text
    for text, why in NOT_MOMENTS:
        answer = ask(person, field, text)
        assert refused(answer)[field.name] == "invalid"
        assert any(why in words_of_it for words_of_it in words(answer)), list(words(answer))


@pytest.mark.parametrize("field", PARAMETERS, ids=str)
def test_no_parameter_may_stand_twice(person: Person, field: Input) -> None:
    answer = ask(person, field, "1", "1")
    assert refused(answer) == {field.name: "repeated"}
    assert "results" not in answer.json()


@pytest.mark.parametrize("method", ["get", "post", "patch", "delete"])
def test_a_parameter_that_nobody_reads_may_not_stand_twice_either(person: Person, method: str) -> None:
    answer = getattr(person, method)(f"/api/v1/items/{uuid4()}?colour=red&colour=blue")
    assert (answer.status_code, refused(answer)) == ((405, {}) if method == "post" else (400, {"colour": "repeated"}))


@pytest.mark.parametrize(
    "field", [field for field in PARAMETERS if re.search(r"(^|\. )\S+ when it is not given\.", field.description)], ids=str
)
def test_what_a_parameter_is_when_it_is_not_given_may_be_given_alone(person: Person, field: Input) -> None:
    found = re.search(r"(?:^|\. )(\S+) when it is not given\.", field.description)
    assert found
    answer = person.get(url(field.path), {field.name: found[1]})
    assert refused(answer) == {}
    if field.path in LISTS:
        assert answer.json() == person.get(url(field.path)).json()


def test_a_radius_of_another_size_needs_a_place(person: Person) -> None:
    assert refused(person.get("/api/v1/items", {"radius_m": "1999"})) == {"radius_m": "needs_near"}


NOT_IDS = ["0198f0ab", "０198f0ab{}", "0x98f0ab{}", "+198f0ab{}", " 198f0ab{}", "0_98f0ab{}", "{{0198f0ab{}}}", "urn:uuid:0198f0ab{}", ""]


@pytest.mark.parametrize("field", [*of(FIELDS, ID), *of(PARAMETERS, ID)], ids=str)
def test_every_id_has_one_way_to_be_written_but_for_capitals(person: Person, field: Input) -> None:
    def answer_to(text: str) -> Any:
        return send(person, field, text) if field in FIELDS else ask(person, field, text)

    for text in (str(uuid4()), str(uuid4()).upper(), uuid4().hex):
        assert refused(answer_to(text)).get(field.name) is None, text
    for wrong in NOT_IDS:
        assert refused(answer_to(wrong.format("-cdef-7abc-8def-abcdefabcdef")))[field.name] == "invalid", wrong


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in calls() if "{" in path])
def test_every_id_in_a_path_is_taken_as_in_bodies(person: Person, method: str, path: str) -> None:
    missing = UUID("0198f0ab-cdef-7abc-8def-abcdefabcdef")
    ways = (str(missing), str(missing).upper(), missing.hex)
    small, *others = (getattr(person, method)(f"{re.sub(r'{[^}]*}', text, path)}") for text in ways)
    unmatched = person.get(f"{path.partition('{')[0]}nothing").json()["detail"]
    for other in others:
        assert (other.status_code, other.json()["code"]) == (small.status_code, small.json()["code"])
        assert other.json()["detail"] == small.json()["detail"] != unmatched


def test_an_id_as_apples_uuid_prints_it_finds_what_it_names(market: Market) -> None:
    item = market.register()
    rental = market.request(item)
    for who, address in (
        (market.anyone, f"/api/v1/items/{item['id'].upper()}"),
        (market.renter, f"/api/v1/rentals/{rental['id'].upper()}"),
        (market.manager, f"/api/v1/status/items/{item['id'].upper()}"),
        (market.renter, f"/api/v1/status/rentals/{rental['id'].upper()}"),
        (market.renter, f"/api/v1/rentals?item={item['id'].upper()}"),
        (market.renter, f"/api/v1/status/rentals?item={item['id'].upper()}"),
    ):
        answer = who.get(address)
        assert answer.status_code == 200, address
        assert rental["id"] in answer.content.decode() or item["id"] in answer.content.decode()
    paid = market.renter.post(f"/api/v1/rentals/{rental['id'].upper()}/payment", {"payment_method": "pm_ok"}, format="json")
    assert (paid.status_code, paid.json()["id"]) == (200, rental["id"])


WRONG: list[Any] = [None, "", [], {}, True, 0.5, -1, 10**30, "ㄱ" * 5000, "\u202eㄱ", "！"]


@pytest.mark.parametrize("field", FIELDS, ids=str)
def test_no_korean_message_about_a_field_has_an_english_word(person: Person, field: Input) -> None:
    for value in WRONG:
        answer = send(person, field, value, HTTP_ACCEPT_LANGUAGE="ko")
        if answer.status_code >= 400:
            assert {text for text in words(answer) if _latin(text)} == set(), value


@pytest.mark.parametrize("field", PARAMETERS, ids=str)
def test_no_korean_message_about_a_parameter_has_an_english_word(person: Person, field: Input) -> None:
    for value in ("！", "", "-1", "9" * 30, "ㄱ" * 5000, "\u202eㄱ"):
        answer = ask(person, field, value, HTTP_ACCEPT_LANGUAGE="ko")
        if answer.status_code >= 400:
            assert {text for text in words(answer) if _latin(text)} == set(), value


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"a": NaN}', b'{"a": 1, "a": 2}', b'{"a": "\xff"}', b"[" * 10_000, b'{"a": ' + b"9" * 5000 + b"}"]
)
def test_no_korean_message_about_broken_json_has_an_english_word(person: Person, body: bytes) -> None:
    raw: Any = body
    answer = person.generic("POST", "/api/v1/rentals", raw, "application/json", HTTP_ACCEPT_LANGUAGE="ko")
    assert answer.status_code == 400
    assert {text for text in words(answer) if _latin(text)} == set()


def _latin(text: str) -> set[str]:
    names = {field.name for field in (*FIELDS, *PARAMETERS)} | {"latitude", "longitude", "NaN"}
    return set(re.findall(r"[A-Za-z_]{2,}", re.sub(r'"[^"]*"', "", text))) - KEPT_LATIN - names
