"""OpenAPI: what all operations have in common: problems, idempotency keys and versions."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

Document = dict[str, Any]

_PROBLEM: Document = {
    "type": "object",
    "description": "RFC 9457. Programs read `code`; `title` and `detail` are for people, in the language of `Accept-Language`. "
    "Some problems carry more members, such as `state`, `rental`, `next_free` or `retry_after_s`.",
    "required": ["type", "title", "status", "detail", "code", "correlation_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "correlation_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {name: {"type": "string"} for name in ("field", "code", "detail")},
            },
        },
    },
}
_ALWAYS = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_ACCEPTABLE, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_WITH_BODY = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
_BY_METHOD = {
    "post": (*_WITH_BODY, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY),
    "patch": (*_WITH_BODY, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED),
    "delete": (HTTPStatus.CONFLICT,),
}
_RETRYABLE = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_EXCLUDED_PATHS = ("/api/v1/schema", "/api/v1/docs")


def add_common_responses(result: Document, generator: Any, request: Any, public: bool) -> Document:  # noqa: ARG001, FBT001  # the hook's signature
    """Return the document with the common headers and responses added to each operation."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _PROBLEM
    for path, method, operation in _operations(result):
        operation.setdefault("summary", operation.get("description", "").partition(".")[0].partition(";")[0].partition(":")[0])
        _add_headers(operation, path=path, method=method)
        _add_problems(operation, path=path, method=method)
    return result


def _operations(result: Document) -> Iterator[tuple[str, str, Document]]:
    for path, item in result["paths"].items():
        if not path.startswith(_EXCLUDED_PATHS):
            for method, operation in item.items():
                yield path, method, operation


def _add_headers(operation: Document, *, path: str, method: str) -> None:
    parameters = operation.setdefault("parameters", [])
    if method == "post":
        description = "Send the same key again to get the first answer again (kept for 24 hours)."
        parameters.append(_header("Idempotency-Key", description, minLength=1, maxLength=255, pattern="^[!-~]+$"))
    if method == "patch":
        parameters.append(_header("If-Match", "The ETag of what you read: refused with 412 if it has changed since."))
    if method == "get" and path.endswith("}"):
        parameters.append(_header("If-None-Match", "The ETag of what you have: answered with 304 if it is still that."))
        operation["responses"]["304"] = {"description": "You have it already."}
    if path.endswith("}"):
        for status in operation["responses"].keys() & {"200", "201"}:
            operation["responses"][status].setdefault("headers", {})["ETag"] = {"schema": {"type": "string"}}


def _add_problems(operation: Document, *, path: str, method: str) -> None:
    wanted = [*_ALWAYS, *_BY_METHOD.get(method, ())]
    if {} not in operation.get("security", [{}]):
        wanted += [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN]
    if "{" in path:
        wanted.append(HTTPStatus.NOT_FOUND)
    if operation.get("tags") == ["auth"]:
        wanted.append(HTTPStatus.UNAUTHORIZED)
    responses = operation["responses"]
    declared = [HTTPStatus(int(status)) for status in responses if status.isdigit() and int(status) >= HTTPStatus.BAD_REQUEST]
    for status in {*wanted, *declared}:
        responses[str(int(status))] = _problem_response(status)
    operation["responses"] = dict(sorted(responses.items()))


def _problem_response(status: HTTPStatus) -> Document:
    described: Document = {
        "description": status.phrase,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in _RETRYABLE:
        described["headers"] = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds."}}
    return described


def _header(name: str, description: str, **schema: Any) -> Document:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string", **schema}}
