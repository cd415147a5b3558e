"""Rentals as rows of a table: what is stored as a code is said in words."""

import pytest
from django.utils import translation

from apps.rentals.queries.tables import RentalTable
from tests.factories.rentals import RentalFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("reason", "language", "told"),
    [
        ("no_hold_left", "en", "the payment was cancelled, and the item may not be held unpaid any longer"),
        ("item_withdrawn", "ko", "물건이 철회됨"),
        ("We are shut.", "ko", "We are shut."),
        ("", "en", ""),
    ],
)
def test_a_download_says_a_reason_as_the_page_does(reason: str, language: str, told: str) -> None:
    with translation.override(language):
        table = RentalTable(with_managers=False)
        [row] = table.rows_of([RentalFactory(cancel_reason=reason)])
    assert row[-2] == told
