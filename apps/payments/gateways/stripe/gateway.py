"""The adapter to Stripe: a PaymentIntent is created first, which charges nothing, and confirmed once."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import stripe

from apps.payments.contracts import ChargeRequest
from apps.payments.errors import WebhookRefusedError
from apps.payments.gateways.deadline_http import DeadlineHttpClient
from apps.payments.gateways.port import (
    Amounts,
    ChargePage,
    ChargeRecord,
    ChargeStatus,
    ListedCharge,
    NoAnswerError,
    RefundRecord,
    RefundStatus,
    WebhookHint,
)
from apps.payments.gateways.stripe.schemas import PaymentIntent, StripeChargeEvent, StripeEvent, key_of, record_of, refund_of
from apps.payments.gateways.stripe.session import StripeAmountError, StripeSession
from gdmarket import clock, ids

KEYS_LIVE = timedelta(hours=12)  # Stripe forgets idempotency keys after 24 hours, and its search knows what is an hour old
TOLERANCE_S = 300
# At most eight digits. Source: docs.stripe.com/currencies.
_AMOUNTS: Amounts = {"KRW": (None, 99_999_999)}
_ABOUT_CHARGES = ("payment_intent.", "charge.", "refund.")
_METHOD = re.compile(r"pm_[A-Za-z0-9_]{1,250}\Z")


class StripeGateway:
    """Stripe; a method is a PaymentMethod, `pm_…`, and must need no further action by the renter.

    Nobody but us can confirm a PaymentIntent of ours, as its client secret never leaves this process, and we confirm only one that
    nobody has attempted yet, under one idempotency key: what was declined stays declined, what was canceled is a tombstone.
    """

    amounts: Amounts = _AMOUNTS

    def __init__(
        self, *, base_url: str, secret_key: str, webhook_secrets: Sequence[str] = (), now: Callable[[], datetime] = clock.now
    ) -> None:
        self._http = DeadlineHttpClient(base_url=base_url)
        self._secret_key = secret_key
        self._webhook_secrets = tuple(webhook_secrets)
        self._now = now

    def accepts(self, *, method: str) -> bool:
        return _METHOD.match(method) is not None

    def preflight_decline(self, *, request: ChargeRequest) -> ChargeRecord | None:
        return None

    def charge(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        """Create the PaymentIntent and confirm it, unless it was attempted before."""
        session = self._session(deadline_s)
        try:
            found = self._find_or_make(session, request)
        except StripeAmountError as refusal:
            return refusal.record
        record = record_of(found)
        return session.confirm(found.id, request) if record.status is ChargeStatus.NOT_FOUND else record

    def refund(self, *, request: ChargeRequest, refund_key: UUID, amount: int, deadline_s: float) -> RefundRecord:
        """Refund the PaymentIntent, unless it already has a refund with our key.

        One that failed later stays refused: Stripe cannot reach that card, and a person must find another way. If they refund by hand,
        we find it by the key in the metadata, `gdmarket_refund`.
        """
        session = self._session(deadline_s)
        found = self._find(session, request)
        record = record_of(found) if found else ChargeRecord(status=ChargeStatus.NOT_FOUND)
        if found is None or record.status is not ChargeStatus.CHARGED:
            return RefundRecord(status=RefundStatus.REFUSED, reason="not_charged")
        seen = [refund_of(refund, amount=amount) for refund in session.refunds_of(found.id, refund_key=refund_key)]
        if seen:
            return min(seen, key=lambda refund: list(RefundStatus).index(refund.status))
        if record.refunded + amount > record.amount:
            return RefundRecord(status=RefundStatus.REFUSED, reason="more_than_charged")
        return session.refund(found.id, key=request.payment_id, refund_key=refund_key, amount=amount)

    def void(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        """Cancel the PaymentIntent, created for that if needed: a charge still on its way finds it canceled."""
        session = self._session(deadline_s)
        try:
            found = self._find_or_make(session, request)
        except StripeAmountError as refusal:
            return refusal.record
        record = record_of(found)
        return session.cancel(found.id, key=request.payment_id) if record.status is ChargeStatus.NOT_FOUND else record

    def lookup(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        try:
            found = self._find(self._session(deadline_s), request)
        except StripeAmountError as refusal:
            return refusal.record
        return record_of(found) if found else ChargeRecord(status=ChargeStatus.NOT_FOUND)

    def list_charges(self, *, since: datetime, until: datetime, cursor: str = "", deadline_s: float) -> ChargePage:
        """Return the PaymentIntents created in this time and charged."""
        session = self._session(deadline_s)
        since_s, until_s = (math.ceil(at.timestamp()) for at in (since, until))
        intents, after = session.list(since_s=since_s, until_s=until_s, after=cursor)
        charged = (
            ListedCharge(payment_id=key_of(intent.metadata), record=record_of(intent)) for intent in intents if intent.status == "succeeded"
        )
        return ChargePage(charges=tuple(charged), cursor=after)

    def read_webhook(self, *, headers: Mapping[str, str], body: bytes, now: datetime) -> WebhookHint | None:
        """Return which PaymentIntent an event of Stripe's is about, if its signature is right and at most 300 s old."""
        try:
            self._verify(headers.get("stripe-signature", ""), body.decode(), now)
            event = msgspec.json.decode(body, type=StripeEvent)
            if not event.type.startswith(_ABOUT_CHARGES):
                return None
            about = msgspec.json.decode(body, type=StripeChargeEvent).data.object
        except (stripe.SignatureVerificationError, UnicodeDecodeError, msgspec.DecodeError) as error:
            raise WebhookRefusedError from error
        key = key_of(about.metadata)
        return WebhookHint(payment_id=key) if key else None

    def close(self) -> None:
        self._http.close()

    def _verify(self, signature: str, body: str, now: datetime) -> None:
        for secret in self._webhook_secrets:
            try:
                # The library would take the time from its own clock, and any time to come.
                stripe.WebhookSignature.verify_header(body, signature, secret, tolerance=None)
            except stripe.SignatureVerificationError:
                continue
            signed_at = next(int(value) for name, _, value in (part.partition("=") for part in signature.split(",")) if name == "t")
            if abs(now.timestamp() - signed_at) <= TOLERANCE_S:
                return
        raise WebhookRefusedError

    def _session(self, deadline_s: float) -> StripeSession:
        return StripeSession(http=self._http, secret_key=self._secret_key, deadline_s=deadline_s)

    def _find(self, session: StripeSession, request: ChargeRequest) -> PaymentIntent | None:
        """Find the PaymentIntent of a key as it stands now.

        Search may be an hour late and knows no young one; making a young one again is idempotent, charges nothing and finds it.
        """
        if request.provider_reference:
            return session.read(request.provider_reference, key=request.payment_id)
        if self._is_young(request.payment_id):
            made = session.make(request)
            if made is not None:
                return made
        return session.search(key=request.payment_id)

    def _find_or_make(self, session: StripeSession, request: ChargeRequest) -> PaymentIntent:
        found = self._find(session, request) or session.make(request)
        if found is None:
            raise NoAnswerError("key_reused")
        return found

    def _is_young(self, key: UUID) -> bool:
        return key.version == ids.VERSION and self._now() < ids.made_at(key) + KEYS_LIVE
