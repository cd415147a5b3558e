"""Every address of the admin, asked for by those whom it is not for: nothing is shown, and nothing changes."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from django.apps import apps
from django.test import Client

from tests.factories.accounts import UserFactory
from tests.unit.config.desk.addresses import ADDRESSES, Stock, Whose, list_names, make_stock

pytestmark = pytest.mark.django_db(databases="__all__")

# Who may what is not the database's affair: by day, PostgreSQL has only those who may.
by_day_on_sqlite = pytest.mark.nightly("postgresql")

_NOT_COUNTED = {"sessions.Session", "accounts.KnownOrigin", "accounts.FailedLogin"}
_REFUSALS = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
KEPT_IN = [name for name, address in ADDRESSES.items() if address.whose is not Whose.ALL]
NOT_ANOTHERS = [name for name in KEPT_IN if ADDRESSES[name].whose is not Whose.OWN]


@pytest.fixture
def stock() -> Stock:
    return make_stock()


def _client(person: Any = None) -> Client:
    client = Client(headers={"accept-language": "ko"})
    if person is not None:
        client.force_login(person)
    return client


def _everything() -> dict[str, list[Any]]:
    """Return every row of every table: versions, counts and events among them."""
    models = [model for model in apps.get_models() if model._meta.label not in _NOT_COUNTED and model._meta.managed]
    return {model._meta.label: list(model._base_manager.order_by("pk").values_list()) for model in models}


def _answers(name: str, stock: Stock, client: Client) -> Iterator[Any]:
    address = ADDRESSES[name].of(name, stock)
    yield client.get(address)
    yield client.post(address, ADDRESSES[name].form(stock))


def _text(answer: Any) -> str:
    return b"".join(answer).decode(errors="replace")


def _is_refused(answer: Any) -> bool:
    """Whether it is a refusal: Django's is to redirect to the first page where there is no such row among the person's own."""
    to_start = answer.status_code == HTTPStatus.FOUND and answer["Location"] == "/admin/"
    return answer.status_code in _REFUSALS or to_start


def _is_sent_to_sign_in(answer: Any) -> bool:
    address: str = answer.headers.get("Location", "")
    return address.startswith("/admin/login/")


def test_every_address_is_named_here() -> None:
    assert set(list_names()) == set(ADDRESSES), "a new address of the admin is one more entry of `ADDRESSES`"


@by_day_on_sqlite
@pytest.mark.parametrize("name", NOT_ANOTHERS)
def test_another_manager_is_refused(name: str, stock: Stock) -> None:
    client = _client(UserFactory(item_manager=True))
    before = _everything()
    for answer in _answers(name, stock, client):
        assert _is_refused(answer), (answer.status_code, answer.headers.get("Location"))
        assert not any(text in _text(answer) for text in stock.names)
    assert _everything() == before


@by_day_on_sqlite
@pytest.mark.parametrize("name", [name for name in KEPT_IN if ADDRESSES[name].whose is Whose.OWN])
def test_another_manager_neither_reads_nor_changes_what_is_not_theirs(name: str, stock: Stock) -> None:
    client = _client(UserFactory(item_manager=True))
    before = _everything()
    for answer in _answers(name, stock, client):
        assert answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
        assert not any(text in _text(answer) for text in stock.names)
    assert _everything() == before


@by_day_on_sqlite
@pytest.mark.parametrize("name", KEPT_IN)
def test_renters_and_strangers_are_sent_to_sign_in(name: str, stock: Stock) -> None:
    renter = _client(stock.renter)
    before = _everything()
    for client in (_client(), renter):
        for answer in _answers(name, stock, client):
            assert _is_sent_to_sign_in(answer), (answer.status_code, answer.headers.get("Location"))
    assert _everything() == before


@pytest.mark.parametrize("name", [name for name in NOT_ANOTHERS if ADDRESSES[name].whose is not Whose.NOBODY])
def test_operators_may_open_it_and_so_may_who_has_it(name: str, stock: Stock) -> None:
    address = ADDRESSES[name].of(name, stock)
    people = [UserFactory(operator=True), *([stock.manager] if ADDRESSES[name].whose is Whose.OWNERS else [])]
    for answer in (_client(person).get(address) for person in people):
        is_open = answer.status_code in {HTTPStatus.OK, HTTPStatus.FOUND}
        assert is_open, answer.status_code
        assert not _is_refused(answer)
        assert not _is_sent_to_sign_in(answer)


@by_day_on_sqlite
@pytest.mark.parametrize("name", [name for name in KEPT_IN if ADDRESSES[name].whose is Whose.NOBODY])
def test_not_even_an_operator_may(name: str, stock: Stock) -> None:
    client = _client(UserFactory(operator=True))
    before = _everything()
    assert [answer.status_code for answer in _answers(name, stock, client)] == [HTTPStatus.FORBIDDEN] * 2
    assert _everything() == before


@pytest.mark.parametrize("name", [name for name in KEPT_IN if ADDRESSES[name].changes])
def test_the_form_that_others_were_refused_is_one_that_changes_something(name: str, stock: Stock) -> None:
    client = _client(stock.manager)
    before = _everything()
    client.post(ADDRESSES[name].of(name, stock), ADDRESSES[name].form(stock))
    assert _everything() != before
