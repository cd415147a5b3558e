"""Stripe's library over our HTTP client, for one call of the port: one deadline for all its requests, no retries, the port's errors."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import stripe

from apps.payments.contracts import AmountRefusal, ChargeRequest
from apps.payments.gateways.deadline_http import DeadlineHttpClient, HttpResponse, Shape, decode
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError, NotSentError, RefundRecord, RefundStatus, RefusedError
from apps.payments.gateways.stripe.schemas import (
    KEY,
    REFUND,
    RENTAL,
    PaymentIntent,
    StripeErrorBody,
    StripeList,
    StripeRefund,
    StripeSearchHit,
    reason_of,
    record_of,
    refund_of,
)

API_VERSION = "2026-10-28.endive"
PAGE = 100
_LARGEST_PAGE_BYTES = 2 * 1024 * 1024
_IN_FULL = ["latest_charge"]
_UNEXPECTED = "payment_intent_unexpected_state"
_PLACEHOLDER = "https://stripe"  # our client alone knows the real address

stripe.enable_telemetry = False  # it would tell Stripe about this machine, and how long each call took


class _Transport(stripe.HTTPClient):
    name = "gdmarket"

    def __init__(self, http: DeadlineHttpClient, *, ends_at: float) -> None:
        super().__init__()
        self._http = http
        self._ends_at = ends_at
        self.last: HttpResponse | None = None

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, *, _usage: list[str] | None = None
    ) -> tuple[str, int, Mapping[str, str]]:
        self.last = None
        self.last = self._http.send(
            method=method.upper(),
            path=url.removeprefix(_PLACEHOLDER),
            headers=headers,
            body=(post_data or "").encode(),
            deadline_s=self._ends_at - time.monotonic(),
            largest_bytes=_LARGEST_PAGE_BYTES,
        )
        return self.last.body.decode(errors="replace"), self.last.status, self.last.headers

    def close(self) -> None:
        """Leave the client open for other calls."""


class StripeAmountError(Exception):
    """Stripe never takes a sum that is so small or so large; `record` is the decline."""

    def __init__(self, reason: AmountRefusal) -> None:
        self.record = ChargeRecord(status=ChargeStatus.DECLINED, reason=reason)
        super().__init__(reason)


class StripeSession:
    """The requests to Stripe within one call of the port.

    Every method raises the port's errors: `RefusedError` where Stripe certainly did nothing, `NoAnswerError` where nobody knows.
    """

    def __init__(self, *, http: DeadlineHttpClient, secret_key: str, deadline_s: float) -> None:
        self._transport = _Transport(http, ends_at=time.monotonic() + deadline_s)
        client = stripe.StripeClient(
            secret_key,
            http_client=self._transport,
            max_network_retries=0,
            stripe_version=API_VERSION,
            base_addresses={"api": _PLACEHOLDER},
        )
        self._intents, self._refunds = client.v1.payment_intents, client.v1.refunds

    def make(self, request: ChargeRequest) -> PaymentIntent | None:
        """Create the PaymentIntent of a key, which charges nothing, and return it as it stands now; the same one for at least a day.

        None if the key was used for another sum.
        :raises StripeAmountError: if Stripe never takes this sum, so that nothing was or will be charged
        """
        with self._port_errors():
            try:
                self._intents.create(
                    {
                        "amount": request.amount,
                        "currency": request.currency.lower(),
                        "allowed_payment_method_types": ["card"],
                        "metadata": {KEY: str(request.payment_id), RENTAL: str(request.rental_id)},
                    },
                    {"idempotency_key": f"intent-{request.payment_id}"},
                )
            except stripe.IdempotencyError:
                return None
            except stripe.InvalidRequestError as refusal:
                if refusal.code in set(AmountRefusal):
                    raise StripeAmountError(AmountRefusal(refusal.code)) from refusal
                raise
            made = self._answer(PaymentIntent)
        is_replay = self._transport.last is not None and self._transport.last.headers.get("idempotent-replayed") == "true"
        return self.read(made.id, key=request.payment_id) if is_replay else made

    def read(self, reference: str, *, key: UUID) -> PaymentIntent:
        """Return a PaymentIntent as it stands now.

        :raises NoAnswerError: also if it is not the one of this key
        """
        with self._port_errors():
            self._intents.retrieve(reference, {"expand": _IN_FULL})
            intent = self._answer(PaymentIntent)
        if intent.metadata.get(KEY) != str(key):
            raise NoAnswerError("another_payment")
        return intent

    def search(self, *, key: UUID) -> PaymentIntent | None:
        """Find the PaymentIntent of a key, made an hour ago or earlier."""
        with self._port_errors():
            self._intents.search({"query": f"metadata['{KEY}']:'{key}'", "limit": 1})
            found = self._answer(StripeList[StripeSearchHit]).data
        return self.read(found[0].id, key=key) if found else None

    def confirm(self, reference: str, request: ChargeRequest) -> ChargeRecord:
        """Charge the PaymentIntent with the renter's payment method, and return the record."""
        with self._port_errors():
            try:
                self._intents.confirm(
                    reference,
                    {"payment_method": request.method, "error_on_requires_action": True, "expand": _IN_FULL},
                    {"idempotency_key": f"confirm-{request.payment_id}"},
                )
            except stripe.CardError:
                reason = reason_of(self._answer(StripeErrorBody).error)
                return ChargeRecord(status=ChargeStatus.DECLINED, reason=reason, reference=reference)
            except (stripe.IdempotencyError, stripe.InvalidRequestError) as refusal:
                return self._settled_before(refusal, reference, key=request.payment_id)
            return record_of(self._answer(PaymentIntent))

    def cancel(self, reference: str, *, key: UUID) -> ChargeRecord:
        """Cancel the PaymentIntent, which then can never be confirmed, and return how it stands.

        Under a key of its own each time: Stripe replays an error too, and canceling twice does no harm.
        """
        with self._port_errors():
            try:
                self._intents.cancel(reference)
            except stripe.InvalidRequestError:  # it is settled already
                return record_of(self.read(reference, key=key))
            return record_of(self._answer(PaymentIntent))

    def refunds_of(self, reference: str, *, refund_key: UUID) -> list[StripeRefund]:
        """Return the refunds of a PaymentIntent that carry our key."""
        with self._port_errors():
            self._refunds.list({"payment_intent": reference, "limit": PAGE})
            listed = self._answer(StripeList[StripeRefund])
        if listed.has_more:  # ours may be among the others: better a person looks than a refund is made twice
            raise NoAnswerError("too_many_refunds")
        return [refund for refund in listed.data if refund.metadata.get(REFUND) == str(refund_key)]

    def refund(self, reference: str, *, key: UUID, refund_key: UUID, amount: int) -> RefundRecord:
        """Refund `amount` of a PaymentIntent."""
        metadata = {KEY: str(key), REFUND: str(refund_key)}
        with self._port_errors():
            try:
                self._refunds.create(
                    {"payment_intent": reference, "amount": amount, "metadata": metadata}, {"idempotency_key": f"refund-{refund_key}"}
                )
            except stripe.IdempotencyError:
                return RefundRecord(status=RefundStatus.REFUSED, reason="refund_key_reused")
            except stripe.InvalidRequestError as refusal:
                return RefundRecord(status=RefundStatus.REFUSED, reason=refusal.code or "invalid_request")
            return refund_of(self._answer(StripeRefund), amount=amount)

    def list(self, *, since_s: int, until_s: int, after: str) -> tuple[list[PaymentIntent], str]:
        """Return a page of the PaymentIntents made in [`since_s`, `until_s`), in Unix seconds, and the cursor of the next."""
        with self._port_errors():
            parameters: stripe.params.PaymentIntentListParams = {
                "created": {"gte": since_s, "lt": until_s},
                "limit": PAGE,
                "expand": [f"data.{name}" for name in _IN_FULL],
            }
            self._intents.list(parameters | {"starting_after": after} if after else parameters)
            page = self._answer(StripeList[PaymentIntent])
        return page.data, page.data[-1].id if page.has_more and page.data else ""

    def _answer(self, shape: type[Shape]) -> Shape:
        """Return Stripe's last response in its expected shape; the library itself does not check it."""
        if self._transport.last is None:
            raise NoAnswerError("unreadable")
        return decode(self._transport.last, shape=shape)

    def _settled_before(self, refusal: stripe.StripeError, reference: str, *, key: UUID) -> ChargeRecord:
        """Return how a PaymentIntent stands that could not be confirmed; an untouched one may have been refused for what we sent."""
        try:
            record = record_of(self.read(reference, key=key))
        except (NotSentError, RefusedError) as failure:  # certain of the read alone: an earlier confirmation may have charged
            raise NoAnswerError("not_read_again") from failure
        if record.status is not ChargeStatus.NOT_FOUND:
            return record
        if isinstance(refusal, stripe.InvalidRequestError) and refusal.param == "payment_method":  # there is none of that name, or not ours
            return ChargeRecord(status=ChargeStatus.DECLINED, reason=refusal.code or "unknown_method", reference=reference)
        if isinstance(refusal, stripe.InvalidRequestError) and refusal.code != _UNEXPECTED:
            raise RefusedError(refusal.code or "invalid_request") from refusal
        raise NoAnswerError("key_in_use") from refusal

    @contextmanager
    def _port_errors(self) -> Iterator[None]:
        try:
            yield
        except (stripe.AuthenticationError, stripe.PermissionError, stripe.InvalidRequestError) as refusal:
            raise RefusedError(refusal.code or type(refusal).__name__) from refusal
        except stripe.StripeError as failure:
            answer = self._transport.last
            raise NoAnswerError(f"http_{failure.http_status}", retry_after_s=answer.retry_after_s if answer else None) from failure
