"""What import contracts cannot check of events: who subscribes to them, and that what crosses a boundary is frozen and plain."""

import dataclasses
import inspect
import typing
from collections.abc import Callable, Iterator
from datetime import datetime
from types import FunctionType, ModuleType
from typing import Any

import pytest

from config.subscriptions import SUBSCRIPTIONS
from gdmarket.bus import codec, registry
from tests.architecture.source import CONTEXTS, module_of

Handler = Callable[[Any], None]


def _public_dataclasses(module: ModuleType | None) -> Iterator[type]:
    if module is not None:
        for name, value in vars(module).items():
            if dataclasses.is_dataclass(value) and inspect.isclass(value) and value.__module__ == module.__name__ and name[0] != "_":
                yield value


EVENTS = [event for context in CONTEXTS for event in _public_dataclasses(module_of(context, "events"))]
HANDLERS = [
    handler
    for context in CONTEXTS
    for name, handler in vars(module_of(context, "handlers") or object).items()
    if name.startswith("on_") and isinstance(handler, FunctionType)
]
CONTRACTS = [contract for context in CONTEXTS for contract in _public_dataclasses(module_of(context, "contracts"))]


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _title(value: Any) -> str:
    return f"{value.__module__.removeprefix('apps.')}.{value.__qualname__}"


def test_the_subscriptions_list_every_event_and_no_other_class() -> None:
    assert set(SUBSCRIPTIONS) == set(EVENTS)


def _handles_batches(handler: Any) -> bool:
    return "facts" in typing.get_type_hints(handler)


def test_every_handler_is_subscribed_once_or_handles_batches() -> None:
    subscribed = [handler for handlers in SUBSCRIPTIONS.values() for handler in handlers]
    assert sorted(map(_title, (one for one in subscribed if not _handles_batches(one)))) == sorted(
        map(_title, (one for one in HANDLERS if not _handles_batches(one)))
    )
    assert {one for one in subscribed if _handles_batches(one)} == {one for one in HANDLERS if _handles_batches(one)}


@pytest.mark.parametrize("event", EVENTS, ids=_title)
def test_a_context_has_one_handler_of_an_event_named_after_it(event: type) -> None:
    handlers = SUBSCRIPTIONS[event]
    assert len({handler.__module__.split(".")[1] for handler in handlers}) == len(handlers)
    for handler in handlers:
        if _handles_batches(handler):
            assert registry.batch_handler(subscriber=codec.context_of(handler.__module__), name=codec.type_of(event)) is handler
            continue
        assert handler.__name__ == f"on_{_snake(event.__name__)}"
        assert typing.get_type_hints(handler)["event"] is event
        assert list(inspect.signature(handler).parameters) == ["event"]


@pytest.mark.parametrize("event", EVENTS, ids=_title)
def test_an_event_is_frozen_has_its_time_and_a_docstring(event: Any) -> None:
    assert event.__dataclass_params__.frozen
    assert all(field.kw_only for field in dataclasses.fields(event))
    assert typing.get_type_hints(event)["occurred_at"] is datetime
    assert event.__doc__
    assert not event.__doc__.startswith(f"{event.__name__}(")


@pytest.mark.parametrize("contract", CONTRACTS, ids=_title)
def test_a_contract_is_frozen(contract: Any) -> None:
    assert contract.__dataclass_params__.frozen
    assert all(field.kw_only for field in dataclasses.fields(contract))


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("name", ["services", "facade", "queries", "domain"])
def test_public_functions_take_keywords_only(context: str, name: str) -> None:
    module = module_of(context, name)
    if module is None:
        return
    positional = [
        f"{function}({parameter.name})"
        for function, value in vars(module).items()
        if isinstance(value, FunctionType) and value.__module__.startswith(module.__name__) and not function.startswith("_")
        for parameter in inspect.signature(value).parameters.values()
        if parameter.kind not in {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}
    ]
    assert positional == []
