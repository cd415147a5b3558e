"""A clean desk for every test of the house rules."""

import pytest

from tests.unit.gdmarket.rest.desk import DESK, Desk


@pytest.fixture
def desk() -> Desk:
    """Return the desk, with nothing noted yet."""
    DESK.clear()
    return DESK
