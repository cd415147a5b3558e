"""What the status view may refuse."""

from gdmarket.errors import ConflictError, NotFoundError


class ItemStatusNotFoundError(NotFoundError):
    """There is no such item among yours."""

    code = "item_not_found"


class RentalStatusNotFoundError(NotFoundError):
    """There is no such rental among yours."""

    code = "rental_not_found"


class RebuildRunningError(ConflictError):
    """A rebuild of the status view is running, or died less than {lease_s} seconds ago: wait for it, or try again then."""

    code = "rebuild_running"


class RebuildLostError(ConflictError):
    """This rebuild lost its lease and another took over; nothing is lost, and the other goes on."""

    code = "rebuild_lost"
