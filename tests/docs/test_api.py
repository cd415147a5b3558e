"""docs/reference/api.md says what the code does: every call, every state, every error code with its status and its words."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from typing import TypeGuard

from drf_spectacular.generators import SchemaGenerator
from rest_framework import exceptions as drf

from apps.rentals import domain as rentals
from gdmarket import errors
from gdmarket.rest import errors as rest
from gdmarket.rest import problems
from tests.architecture.source import CONTEXTS, ROOT, module_of, sources
from tests.docs.pages import first_cells

API = ROOT / "docs" / "reference" / "api.md"
ERRORS = ROOT / "docs" / "reference" / "errors.md"
VERBS = ("get", "post", "put", "patch", "delete")


def documented_statuses() -> dict[str, int]:
    """Return the table of errors of the API: code to status."""
    found = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", ERRORS.read_text(), flags=re.MULTILINE)
    assert len(found) == len({code for _status, code in found}), "a code is documented twice"
    return {code: int(status) for status, code in found}


def refusals() -> Iterator[type[errors.DomainError]]:
    """Yield every class of refusal, without the base classes."""
    for context in CONTEXTS:
        module_of(context, "errors")
    for package in ("gdmarket.breaker", "gdmarket.sheets.errors"):
        import_module(package)
    to_see: list[type[errors.DomainError]] = [errors.DomainError]
    while to_see:
        kind = to_see.pop()
        to_see.extend(kind.__subclasses__())
        if kind.__module__.startswith(("apps.", "gdmarket.")) and kind.__module__ != errors.__name__:
            yield kind


def status_of(kind: type[errors.DomainError]) -> int:
    return next(int(status) for base, status in problems._STATUS_OF_KIND if issubclass(kind, base))


def _is_ours(value: object) -> TypeGuard[type[drf.APIException]]:
    return isinstance(value, type) and issubclass(value, drf.APIException) and value.__module__ == rest.__name__


def codes_of_http() -> set[str]:
    """Return the codes that HTTP itself adds: those of gdmarket.rest, and those of the framework under the names we give them."""
    own = {kind.default_code for kind in vars(rest).values() if _is_ours(kind)}
    written = {
        str(word.value.value)
        for path in sources("gdmarket/rest")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(("problem", "problem_response", "ParseError"))
        for word in call.keywords
        if word.arg == "code" and isinstance(word.value, ast.Constant)
    }
    theirs = (drf.NotAuthenticated, drf.NotFound, drf.MethodNotAllowed, drf.NotAcceptable, drf.UnsupportedMediaType, drf.Throttled)
    return own | written | {str(kind.default_code) for kind in theirs} | set(problems._CODES.values()) | {"wrong_role"}


def test_every_code_is_documented_once_and_no_other() -> None:
    documented = [*documented_statuses(), *first_cells(ERRORS, under="## Commands and logs")]
    assert sorted(documented) == sorted({kind.code for kind in refusals()} | codes_of_http())


def test_the_tables_of_codes_are_in_order() -> None:
    rows = [(status, code) for code, status in documented_statuses().items()]
    commands = first_cells(ERRORS, under="## Commands and logs")
    assert (rows, list(commands)) == (sorted(rows), sorted(commands))


def test_every_code_has_the_documented_status() -> None:
    documented = documented_statuses()
    statuses: dict[str, set[int]] = defaultdict(set)
    for kind in refusals():
        statuses[kind.code].add(status_of(kind))
    assert {code: known for code, known in statuses.items() if code in documented and documented[code] not in known} == {}


def test_every_call_is_documented_and_no_other() -> None:
    schema = SchemaGenerator().get_schema(public=True)
    served = {f"{verb.upper()} {path}" for path, calls in schema["paths"].items() for verb in calls if verb in VERBS}
    documented = set(first_cells(API, under="## Calls")) - {"GET /health/live", "GET /health/ready"}
    assert {call for call in documented if " " in call} == served


def test_the_states_lead_where_the_page_says() -> None:
    table = re.findall(r"^\| `(\w+)` \| [^|`]*(?:`[^`]+`[^|`]*)* \| ?((?:`\w+` ?)*)\|$", API.read_text(), flags=re.MULTILINE)
    documented = {state: set(re.findall(r"`(\w+)`", following)) for state, following in table if state in list(rentals.RentalState)}
    assert documented == {str(state): {str(after) for after in following} for state, following in rentals.NEXT.items()}
