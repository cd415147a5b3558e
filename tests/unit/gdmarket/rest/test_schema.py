"""What all operations of the OpenAPI document have in common."""

from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator


@pytest.fixture(scope="module")
def document() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)


def operations(document: Any) -> list[tuple[str, str, Any]]:
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if not path.startswith(("/api/v1/schema", "/api/v1/docs"))
    ]


def test_every_post_accepts_an_idempotency_key(document: Any) -> None:
    posts = [operation for _, method, operation in operations(document) if method == "post"]
    assert posts
    assert all("Idempotency-Key" in {parameter.get("name") for parameter in post["parameters"]} for post in posts)


def test_every_error_is_a_problem(document: Any) -> None:
    for path, method, operation in operations(document):
        refusals = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert {"400", "429", "503"} <= refusals.keys(), (method, path)
        for answer in refusals.values():
            assert answer["content"] == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def test_only_signing_in_reading_items_and_webhooks_need_no_token(document: Any) -> None:
    is_open = {(method, path) for path, method, operation in operations(document) if {} in operation.get("security", [{}])}
    assert is_open == {
        ("post", "/api/v1/auth/register"),
        ("post", "/api/v1/auth/token"),
        ("post", "/api/v1/auth/token/refresh"),
        ("get", "/api/v1/categories"),
        ("get", "/api/v1/items"),
        ("get", "/api/v1/items/{item_id}"),
        ("get", "/api/v1/items/{item_id}/photos/{photo_id}"),
        ("post", "/api/v1/payments/webhooks/{gateway}"),
    }


def test_the_security_scheme_is_a_bearer_token(document: Any) -> None:
    assert document["components"]["securitySchemes"] == {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    assert document["openapi"].startswith("3.1")
