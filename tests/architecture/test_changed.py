"""`./dev test --changed` runs the tests that a change needs."""

import pytest

from tests.changed import needed_by


@pytest.mark.parametrize(
    ("changed", "needed"),
    [
        ("apps/payments/domain.py", {"tests/unit/payments", "tests/unit/rentals", "tests/unit/status_view", "tests/acceptance"}),
        ("apps/rentals/events.py", {"tests/unit/rentals", "tests/unit/items", "tests/golden", "tests/architecture"}),
        ("gdmarket/bus/claims.py", {"tests/unit/gdmarket/bus", "tests/acceptance", "tests/architecture"}),
        ("deploy/simulator/faults.py", {"tests/deploy", "tests/unit/payments"}),
        ("pyproject.toml", {"tests/deploy"}),
        (".github/workflows/pipeline.yml", {"tests/deploy"}),
        ("tests/conftest.py", {"tests/unit", "tests/architecture"}),
        ("docs/adr/README.md", {"tests/docs"}),
    ],
)
def test_a_change_needs_the_tests_of_what_it_touches(changed: str, needed: set[str]) -> None:
    assert needed <= set(needed_by({changed}))


def test_no_folder_is_named_beside_one_that_contains_it() -> None:
    assert needed_by({"tests/conftest.py", "gdmarket/bus/claims.py"}) == [
        "tests/acceptance",
        "tests/architecture",
        "tests/steady",
        "tests/unit",
    ]
