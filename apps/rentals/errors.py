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


class ItemPausedError(ConflictError):
    """The item is paused: its manager takes no requests for it at the moment."""

    code = "item_paused"


class PeriodRentedError(ConflictError):
    """A rental holds the item in a part of that period."""

    code = "period_rented"


class AlreadyBlockedError(ConflictError):
    """A part of that period is blocked already."""

    code = "already_blocked"


class BlockNotFoundError(NotFoundError):
    """These days are not blocked, or no more."""

    code = "block_not_found"


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
    """You gave this item up, so others come first: request it again in {wait_h} h {wait_min} min, or choose another."""

    code = "hold_again_later"

    def __init__(self, *, retry_after_s: float) -> None:
        """Store after how many seconds the renter may hold the item again."""
        super().__init__(retry_after_s=retry_after_s, **_wait(retry_after_s))


class TooManyCancelledError(TooOftenError):
    """You paid {limit} rentals and cancelled them within a day: you can request something again in {wait_h} h {wait_min} min."""

    code = "too_many_cancelled"

    def __init__(self, *, limit: int, retry_after_s: float) -> None:
        """Store how many are too many, and after how many seconds the renter may request something again."""
        super().__init__(retry_after_s=retry_after_s, limit=limit, **_wait(retry_after_s))


class WrongStateError(ConflictError):
    """A rental that is {state} does not allow this: {wanted}."""

    code = "wrong_state"


class PeriodOverError(ConflictError):
    """The period of this rental is over, and it can no longer be paid: request the item for another period."""

    code = "period_over"


class PeriodOverMeanwhileError(PeriodOverError):
    """The period of this rental ended while it was being paid: it has expired, and money that was taken goes back."""


class CancelledTooLateError(PeriodOverError):
    """The period of this rental is over, and you can no longer cancel it: ask the item's manager or an operator, who can."""


class HandedOverTooLateError(PeriodOverError):
    """The period of this rental is over, and the item is not handed over any more: to give the money back, cancel with a reason."""


class ReturnFinalError(ConflictError):
    """A return can be undone for 15 minutes, and no longer."""

    code = "return_final"


class ReturnStandsError(ConflictError):
    """The return stands: the item was given away since, by rental {rental}. Please speak with both renters."""

    code = "return_stands"


class NotTheRenterError(ForbiddenError):
    """Only the renter may do this."""

    code = "not_the_renter"


class NotTheManagerError(ForbiddenError):
    """Only the item's manager may do this."""

    code = "not_the_manager"


class RenterNotNamedError(InvalidError):
    """Say who rents: by the e-mail address of an account, or by a name, and not by both."""

    code = "renter_not_named"
    field = "renter_name"


class RenterNotFoundError(InvalidError):
    """Nobody who may rent is registered with this e-mail address: give a name instead."""

    code = "renter_not_found"
    field = "renter_email"


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
    """The payment provider does not take so small a sum: request the item for a longer period."""

    code = "amount_too_small"


class AmountBelowLimitError(AmountTooSmallError):
    """The payment provider takes no less than {limit:,} {currency}: request the item for a longer period."""


class AmountTooLargeError(DeclinedError):
    """The payment provider does not take so large a sum: request the item for a shorter period."""

    code = "amount_too_large"


class AmountAboveLimitError(AmountTooLargeError):
    """The payment provider takes no more than {limit:,} {currency}: request the item for a shorter period."""


class PaymentUnavailableError(UnavailableError):
    """Payments are not taken for the moment; please pay a little later."""

    code = "payment_unavailable"


def _wait(seconds: float) -> dict[str, int]:
    hours, minutes = divmod(math.ceil(seconds / 60), 60)
    return {"wait_h": hours, "wait_min": minutes}
