"""The API against its own OpenAPI document: valid and invalid requests are answered as documented."""

from typing import Any

import pytest
import schemathesis
from django.db import connection
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from apps.accounts import services as accounts
from config.wsgi import application
from gdmarket import clock
from tests.acceptance.conftest import Market
from tests.factories.accounts import UserFactory

HEADERS = {"ETag", "Idempotent-Replayed", "Link", "Location", "Retry-After", "WWW-Authenticate", "X-Correlation-ID"}


def headers_are_documented(context: Any, response: Any, case: Any) -> None:
    """Check that an answer has no header that the document does not name for its status."""
    documented = case.operation.definition.raw["responses"][str(response.status_code)].get("headers", {})
    held = {name for name in HEADERS if name.lower() in response.headers}
    assert held <= documented.keys(), (case.operation.label, response.status_code, held - documented.keys())


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    headers_are_documented,
]
OPERATIONS = 20


def test_every_operation_answers_as_it_is_documented(market: Market, request: pytest.FixtureRequest) -> None:
    is_short = connection.vendor == "postgresql" and not request.config.option.nightly  # by day, SQLite has them all
    rental = market.request(market.register())
    person = UserFactory(is_item_manager=True)
    headers = {"Host": "localhost", "Authorization": f"Bearer {accounts.issue_tokens(user=person, now=clock.now()).access}"}
    document = schemathesis.openapi.from_wsgi("/api/v1/schema", application)
    tried = 0

    for found in document.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=8 if is_short else 25,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def answers_as_documented(case: Any) -> None:
            case.call_and_validate(checks=CHECKS, headers=headers)

        answers_as_documented()
        tried += 1

    assert tried >= OPERATIONS
    assert market.see(rental) == rental
