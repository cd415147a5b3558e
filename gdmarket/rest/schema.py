"""OpenAPI: what all operations have in common: problems, headers, and what generated clients need to send only what their caller gave."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from drf_spectacular.settings import spectacular_settings

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
_TEXT, _SECONDS = {"type": "string"}, {"type": "integer", "minimum": 1}
_HEADERS: Document = {
    "ETag": {"schema": _TEXT, "description": "The version of what was answered, for `If-Match` and `If-None-Match`."},
    "Idempotent-Replayed": {
        "schema": {"type": "string", "enum": ["true"]},
        "description": "There if this is the first answer to the `Idempotency-Key` again.",
    },
    "Location": {"schema": {"type": "string", "format": "uri"}, "description": "The address of what was made."},
    "Monitor": {"schema": _TEXT, "description": 'With `rel="monitor"`: the status that will show how it ended. RFC 8288.'},
    "Pages": {"schema": _TEXT, "description": 'With `rel="next"` and `rel="prev"`: the pages beside this one. RFC 8288.'},
    "Retry-After": {"schema": _SECONDS, "description": "Seconds."},
    "WWW-Authenticate": {"schema": _TEXT, "description": "`Bearer`."},
    "X-Correlation-ID": {"schema": _TEXT, "description": "The request in logs, events and traces: name it when you ask for help."},
}
_CORRELATION: Document = {
    "name": "X-Correlation-ID",
    "in": "header",
    "description": "Binds several requests together. Anything but 1 to 64 letters, digits, `.`, `_` and `-` is replaced by a fresh one.",
    "schema": _TEXT,
}
_ALWAYS = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_ACCEPTABLE, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_WITH_BODY = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
_BY_METHOD = {
    "post": (*_WITH_BODY, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY),
    "patch": (*_WITH_BODY, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED),
    "delete": (HTTPStatus.CONFLICT,),
}
_RETRYABLE = (HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_NEVER_REPLAYED = frozenset({"401", "429", "503"})
_EXCLUDED_PATHS = ("/api/v1/schema", "/api/v1/docs")


# -- Hooks of drf-spectacular, in the order in which they run ---------------------------------------------------------------------


def share_parameter_enums(result: Document, generator: Any, request: Any, public: bool) -> Document:  # noqa: ARG001, FBT001  # the hook's signature
    """Return the document with the enumerations of parameters among its schemas, so that a client has one type for each, not one a call."""
    schemas, names = result["components"]["schemas"], _enum_names()
    for parameter in _parameters(result):
        schema = parameter["schema"]
        if "enum" in schema:
            values = frozenset(schema["enum"])
            name = names.get(values) or f"{parameter['name'].title().replace('_', '')}Enum"
            schemas.setdefault(name, {"type": "string", "enum": list(schema["enum"])})
            parameter["schema"] = {"$ref": f"#/components/schemas/{name}"}
    return result


def describe_defaults(result: Document, generator: Any, request: Any, public: bool) -> Document:  # noqa: ARG001, FBT001  # the hook's signature
    """Return the document without `default`, which clients send as if their caller had given it: words say it instead.

    A PATCH that named only a price would empty the description. In answers nothing is ever left out, so that such fields are required
    there. The names that columns have in the admin are left out.
    """
    for parameter in _parameters(result):
        _tell_default(parameter, default_of=parameter["schema"])
    for name, schema in result["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            described.pop("title", None)
            if "default" not in described:
                continue
            if name.endswith("Request") and not name.startswith("Patched"):
                _tell_default(described, default_of=described)
            elif not name.endswith("Request"):
                schema["required"] = sorted({*schema.get("required", []), field})
            described.pop("default", None)
    return result


def add_common_responses(result: Document, generator: Any, request: Any, public: bool) -> Document:  # noqa: ARG001, FBT001  # the hook's signature
    """Return the document with the server, and the common headers and responses of each operation."""
    if request is not None:
        result["servers"] = [{"url": request.build_absolute_uri("/").rstrip("/")}]
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _PROBLEM
    components["headers"], components["parameters"] = _HEADERS, {_CORRELATION["name"]: _CORRELATION}
    for path, method, operation in _operations(result):
        operation.setdefault("summary", operation.get("description", "").partition(".")[0].partition(";")[0].partition(":")[0])
        _add_parameters(operation, path=path, method=method)
        _add_problems(operation, path=path, method=method)
        _add_headers(operation, method=method, has_member=any(other.startswith(f"{path}/{{") for other in result["paths"]), result=result)
    return result


def _operations(result: Document) -> Iterator[tuple[str, str, Document]]:
    for path, item in result["paths"].items():
        if not path.startswith(_EXCLUDED_PATHS):
            for method, operation in item.items():
                yield path, method, operation


def _parameters(result: Document) -> Iterator[Document]:
    for _path, _method, operation in _operations(result):
        yield from operation.get("parameters", [])


def _enum_names() -> dict[frozenset[str], str]:
    return {frozenset(values): name for name, values in spectacular_settings.ENUM_NAME_OVERRIDES.items()}


def _tell_default(described: Document, *, default_of: Document) -> None:
    if "default" not in default_of:
        return
    default = default_of.pop("default")
    words = "Empty when it is not given." if default == "" else f"{_in_words(default)} when it is not given."
    described["description"] = " ".join(text for text in (described.get("description", ""), words) if text)


def _in_words(default: object) -> str:
    return default if isinstance(default, str) else json.dumps(default)


def _add_parameters(operation: Document, *, path: str, method: str) -> None:
    parameters = operation.setdefault("parameters", [])
    if method == "post":
        description = "Send the same key again to get the first answer again (kept for 24 hours)."
        parameters.append(_header("Idempotency-Key", description, minLength=1, maxLength=255, pattern="^[!-~]+$"))
    if method == "patch":
        parameters.append(_header("If-Match", "The ETag of what you read: refused with 412 if it has changed since."))
    if method == "get" and (path.endswith("}") or "304" in operation["responses"]):
        parameters.append(_header("If-None-Match", "The ETag of what you have: answered with 304 if it is still that."))
        operation["responses"]["304"] = {"description": "You have it already."}
    parameters.append({"$ref": f"#/components/parameters/{_CORRELATION['name']}"})


def _add_headers(operation: Document, *, method: str, has_member: bool, result: Document) -> None:
    """Add the headers of each answer. Where there is an address below a list, its POST tells that of what it made."""
    for status, answer in operation["responses"].items():
        shown = {"X-Correlation-ID": "X-Correlation-ID"}
        properties = _properties_of(answer, result)
        if "version" in properties or status == "304" or (status == "200" and "304" in operation["responses"]):
            shown["ETag"] = "ETag"
        if method == "post" and status not in _NEVER_REPLAYED:
            shown["Idempotent-Replayed"] = "Idempotent-Replayed"
        if method == "post" and has_member and status in {"201", "202"}:
            shown["Location"] = "Location"
        if status == "202":
            shown["Link"] = "Monitor"
        if {"next", "previous"} <= properties:
            shown["Link"] = "Pages"
        if status == "401":
            shown["WWW-Authenticate"] = "WWW-Authenticate"
        if int(status) in _RETRYABLE:
            shown["Retry-After"] = "Retry-After"
        answer["headers"] = {name: {"$ref": f"#/components/headers/{header}"} for name, header in sorted(shown.items())}


def _properties_of(answer: Document, result: Document) -> set[str]:
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    return set(result["components"]["schemas"].get(name, {}).get("properties", {}))


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
        responses[str(int(status))] = {
            "description": status.phrase,
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    operation["responses"] = dict(sorted(responses.items()))


def _header(name: str, description: str, **schema: Any) -> Document:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string", **schema}}
