"""Reading what is of use on a page, but not all of it, while the database behind it is away."""

import logging
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError

Found = TypeVar("Found")
logger = logging.getLogger(__name__)


def read_or_none(read: Callable[[], Found]) -> Found | None:
    """Return what `read` returns; None while its database is away, which is logged."""
    try:
        return read()
    except (OperationalError, InterfaceError) as away:
        logger.warning("a page is shown without a part of it: %s", str(away).strip())
        return None
