"""The OpenAPI document as generators of clients need it. Every rule is held by all that is in the document, whoever added it."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator

VERBS = {"get", "post", "put", "patch", "delete"}
#: What the docstrings of our functions begin with, and what they hold; none of it is meant for readers of the API.
CODE = re.compile(r"^(Return|Yield|Build|Raise|A serializer|The query string of)\b|:raises|`self`|\bqueryset\b")


@pytest.fixture(scope="module")
def document() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)


def operations(document: Any) -> Iterator[tuple[str, Any]]:
    for path, item in document["paths"].items():
        if not path.startswith(("/api/v1/schema", "/api/v1/docs")):
            for method, operation in item.items():
                yield f"{method} {path}", operation


def parameters(document: Any) -> Iterator[tuple[str, Any]]:
    """Yield every parameter, those that are shared among operations too."""
    for call, operation in operations(document):
        for parameter in operation["parameters"]:
            shared = document["components"]["parameters"].get(parameter.get("$ref", "").rpartition("/")[2])
            yield f"{call} {(shared or parameter)['name']}", shared or parameter


def nodes(place: str, node: Any) -> Iterator[tuple[str, Any]]:
    """Yield every object below `node` with its place."""
    if isinstance(node, dict):
        yield place, node
        for name, inner in node.items():
            yield from nodes(f"{place}.{name}", inner)
    elif isinstance(node, list):
        for number, inner in enumerate(node):
            yield from nodes(f"{place}.{number}", inner)


def schemas_and_parameters(document: Any) -> Iterator[tuple[str, Any]]:
    """Yield every schema object, and none of the objects that map names of fields to schemas."""
    roots = [*document["components"]["schemas"].items(), *((name, parameter["schema"]) for name, parameter in parameters(document))]
    for name, root in roots:
        for place, node in nodes(name, root):
            if not place.endswith(".properties"):
                yield place, node


def folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def test_nothing_in_the_document_has_a_default_that_a_client_would_send(document: Any) -> None:
    assert [place for place, schema in schemas_and_parameters(document) if "default" in schema] == []


def test_words_say_what_a_field_or_parameter_is_when_it_is_not_given(document: Any) -> None:
    described = {name: parameter.get("description", "") for name, parameter in parameters(document)}
    lists = [call for call, _ in operations(document) if f"{call} limit" in described]
    assert lists
    assert all("20 when it is not given." in described[f"{call} limit"] for call in lists)
    assert "2000 when it is not given." in described["get /api/v1/items radius_m"]
    item = document["components"]["schemas"]["ItemRequest"]["properties"]
    assert [item[name]["description"] for name in ("description", "deposit", "currency")] == [
        "Empty when it is not given.",
        "0 when it is not given.",
        "KRW when it is not given.",
    ]


def test_nothing_that_a_patch_leaves_out_is_described_as_if_it_were_set(document: Any) -> None:
    patched = {name: schema for name, schema in document["components"]["schemas"].items() if name.startswith("Patched")}
    assert patched
    assert [place for place, node in nodes("", patched) if "when it is not given" in str(node.get("description", ""))] == []


def test_an_answer_names_as_required_all_that_is_always_there(document: Any) -> None:
    item = document["components"]["schemas"]["Item"]
    assert set(item["required"]) == set(item["properties"])


def test_schema_names_are_unique_however_a_generator_spells_them(document: Any) -> None:
    spelled = defaultdict(list)
    for name in document["components"]["schemas"]:
        spelled[folded(name)].append(name)
    assert [names for names in spelled.values() if len(names) > 1] == []
    assert [name for name in document["components"]["schemas"] if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name)] == []


def test_the_ids_of_operations_are_unique_however_a_generator_spells_them(document: Any) -> None:
    ids = Counter(folded(operation["operationId"]) for _, operation in operations(document))
    assert [name for name, times in ids.items() if times > 1] == []


def test_each_set_of_values_is_one_shared_enumeration(document: Any) -> None:
    enumerations = {name: frozenset(schema["enum"]) for name, schema in document["components"]["schemas"].items() if "enum" in schema}
    assert [names for names in _by_values(enumerations).values() if len(names) > 1] == []
    assert [place for place, schema in schemas_and_parameters(document) if "enum" in schema and place not in enumerations] == []
    assert [name for name in enumerations if name.endswith("Enum")] == [], "name it in config/schema.py"


def _by_values(enumerations: dict[str, frozenset[str]]) -> dict[frozenset[str], list[str]]:
    named: dict[frozenset[str], list[str]] = defaultdict(list)
    for name, values in enumerations.items():
        named[values].append(name)
    return named


def test_no_description_is_one_of_our_docstrings(document: Any) -> None:
    described = [(place, node["description"]) for place, node in nodes("", document) if isinstance(node.get("description"), str)]
    assert len(described) > 100
    assert [(place, text) for place, text in described if CODE.search(text)] == []


def test_no_field_is_named_by_a_column_of_the_admin(document: Any) -> None:
    assert [place for place, schema in schemas_and_parameters(document) if "title" in schema] == []


def test_the_document_is_the_same_in_every_language(document: Any) -> None:
    with translation.override("ko"):
        assert SchemaGenerator().get_schema(request=None, public=True) == document


def test_the_document_names_the_server_it_was_read_from(client: Client) -> None:
    document = client.get("/api/v1/schema", headers={"host": "127.0.0.1:8000"}).json()
    assert document["servers"] == [{"url": "http://127.0.0.1:8000"}]


def test_every_answer_documents_its_correlation_id(document: Any) -> None:
    for call, operation in operations(document):
        assert all("X-Correlation-ID" in answer["headers"] for answer in operation["responses"].values()), call
        assert {"$ref": "#/components/parameters/X-Correlation-ID"} in operation["parameters"], call


def test_every_list_documents_its_links_and_its_limit_as_a_number(document: Any) -> None:
    lists = [(call, operation) for call, operation in operations(document) if "limit" in _names(operation)]
    assert len(lists) >= 4
    for call, operation in lists:
        limit = next(parameter for parameter in operation["parameters"] if parameter.get("name") == "limit")
        assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 100}, call
        assert "Link" in operation["responses"]["200"]["headers"], call


def _names(operation: Any) -> set[str]:
    return {parameter.get("name", "") for parameter in operation["parameters"]}
