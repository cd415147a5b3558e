"""What payments refuses, and the errors of an unknown outcome."""

from gdmarket.errors import ConflictError, InvalidError, NotFoundError, UnavailableError


class PaymentNotFoundError(NotFoundError):
    """There is no such payment."""

    code = "payment_not_found"


class PaymentReusedError(ConflictError):
    """This payment id already names another rental, payer, payee or sum."""

    code = "payment_reused"


class PaymentInProgressError(ConflictError):
    """Another payment for this rental is open or already made."""

    code = "payment_in_progress"


class PaymentNotRefundableError(ConflictError):
    """Only an approved payment can be given back."""

    code = "payment_not_refundable"


class PaymentDiffersError(ConflictError):
    """The payment provider and we disagree about the sum of a payment; a person must look."""

    code = "payment_differs"


class RefundTooLargeError(InvalidError):
    """A refund is more than 0 and no more than what is left of the payment, {left}."""

    code = "refund_too_large"
    field = "amount"


class RefundReasonRequiredError(InvalidError):
    """Say why the money is given back: the renter and the manager read it."""

    code = "refund_reason_required"
    field = "reason"


class RefundReusedError(ConflictError):
    """This refund id already names another payment, sum, reason or operator."""

    code = "refund_reused"


class RefundRefusedError(ConflictError):
    """The provider refused to give the money back; a person must look."""

    code = "refund_refused"


class WebhookRefusedError(InvalidError):
    """This is not a webhook of our payment provider, or it is too old."""

    code = "webhook_refused"


class OutcomeUnknownError(UnavailableError):
    """The payment provider has not reported the outcome yet; it will be asked again."""

    code = "payment_outcome_unknown"


class InsideTransactionError(RuntimeError):
    """The provider was about to be called inside a database transaction: a rollback would lose what it did."""
