"""The reasons for which rentals refuses."""

import math

from gdmarket.errors import (
    ConflictError,
    DeclinedError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    TooOftenError,
    UnavailableError,
)


class RentalNotFoundError(NotFoundError):
    """There is no such rental."""

    code = "rental_not_found"


class ListingNotFoundError(NotFoundError):
    """There is no such item."""

    code = "item_not_found"


class ItemWithdrawnError(ConflictError):
    """The item has been withdrawn and can no longer be rented."""

    code = "item_withdrawn"


class ManagerInactiveError(ConflictError):
    """The item's manager is not active: the item can neither be requested nor paid."""

    code = "manager_inactive"


class PriceChangedError(ConflictError):
    """The price is not the one that you expected: it is in `price` now."""

    code = "price_changed"


class OwnItemError(ConflictError):
    """The item is your own; nobody rents from themselves."""

    code = "own_item"


class AlreadyRequestedError(ConflictError):
    """The same renter has requested this item for that time already, in the rental named in `rental`."""

    code = "already_requested"


class AlreadyRentedError(ConflictError):
    """The same renter has this item already, by the rental named in `rental`."""

    code = "already_rented"


class ItemOutError(ConflictError):
    """The item is still with another renter."""

    code = "item_out"


class ItemReservedError(ConflictError):
    """The item is reserved for another renter before this rental's period."""

    code = "item_promised"


class PeriodTakenError(ConflictError):
    """The item is taken for that period; `next_free` says when it is not."""

    code = "period_taken"


class TooManyUnpaidHoldsError(ConflictError):
    """At most {limit} rentals may wait for your payment at a time: pay or cancel one of them first."""

    code = "too_many_unpaid_holds"


class ItemHeldUnpaidError(ConflictError):
    """You hold this item already, unpaid: pay or cancel that rental first."""

    code = "item_held_unpaid"


class HoldAgainLaterError(TooOftenError):
    """You held this item and did not keep it, so others come first: request it again in {wait_min} minutes."""

    code = "hold_again_later"

    def __init__(self, *, retry_after_s: float) -> None:
        """Store after how many seconds the renter may hold the item again."""
        super().__init__(retry_after_s=retry_after_s, wait_min=math.ceil(retry_after_s / 60))


class WrongStateError(ConflictError):
    """A rental that is {state} does not allow this: {wanted}."""

    code = "wrong_state"


class PeriodOverError(ConflictError):
    """The period of this rental is over, and this can no longer be done."""

    code = "period_over"


class ReturnFinalError(ConflictError):
    """A return can be undone for 15 minutes, and no longer."""

    code = "return_final"


class NotTheRenterError(ForbiddenError):
    """Only the renter may do this."""

    code = "not_the_renter"


class NotTheManagerError(ForbiddenError):
    """Only the item's manager may do this."""

    code = "not_the_manager"


class PeriodReversedError(InvalidError):
    """The period must end after it starts."""

    code = "period_reversed"
    field = "ends_at"


class PeriodPastError(InvalidError):
    """The period must not start in the past."""

    code = "period_past"
    field = "starts_at"


class PeriodTooFarError(InvalidError):
    """The period must end within a year from now."""

    code = "period_too_far"
    field = "ends_at"


class PeriodTooShortError(InvalidError):
    """The period is shorter than {shortest_s} seconds, the shortest for which an item is rented."""

    code = "period_too_short"
    field = "ends_at"


class ReasonRequiredError(InvalidError):
    """Cancelling a rental whose period is over needs a reason."""

    code = "reason_required"
    field = "reason"


class ReturnInFutureError(InvalidError):
    """The item cannot have been returned in the future."""

    code = "return_in_future"
    field = "returned_at"


class ReturnBeforeHandoverError(InvalidError):
    """The item cannot have been returned before it was handed over."""

    code = "return_before_handover"
    field = "returned_at"


class UnknownPaymentMethodError(InvalidError):
    """The payment provider knows no such payment method."""

    code = "unknown_payment_method"
    field = "payment_method"


class PaymentDeclinedError(DeclinedError):
    """The payment was declined; the period is still held, and another card may be tried."""

    code = "payment_declined"


class TooManyDeclinesError(TooOftenError):
    """Too many payments were declined: please wait before you try another card."""

    code = "too_many_declines"


class AmountTooSmallError(DeclinedError):
    """The payment provider does not take so small a sum."""

    code = "amount_too_small"


class AmountTooLargeError(DeclinedError):
    """The payment provider does not take so large a sum."""

    code = "amount_too_large"


class PaymentUnavailableError(UnavailableError):
    """Payments are not taken for the moment; please pay a little later."""

    code = "payment_unavailable"
