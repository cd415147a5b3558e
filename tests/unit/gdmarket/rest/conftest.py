"""The sample API's recorded calls."""

import pytest

from tests.unit.gdmarket.rest.sample_api import CALLS, Calls


@pytest.fixture
def calls() -> Calls:
    """Return the recorded calls, none so far."""
    CALLS.clear()
    return CALLS
