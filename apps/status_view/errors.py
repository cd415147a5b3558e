"""What the status view may refuse."""

from gdmarket.errors import NotFoundError


class ItemStatusNotFoundError(NotFoundError):
    """There is no such item among yours."""

    code = "item_not_found"


class RentalStatusNotFoundError(NotFoundError):
    """There is no such rental among yours."""

    code = "rental_not_found"
