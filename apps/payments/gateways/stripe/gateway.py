"""Stripe behind the port: a PaymentIntent is made first, which charges nothing, and confirmed once."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from apps.payments.gateways.port import Entry, Intent, Listed, NoAnswerError, Notice, Page, RefundEntry, RefundStanding, Standing
from apps.payments.gateways.stripe import webhook
from apps.payments.gateways.stripe.session import Session
from apps.payments.gateways.stripe.shapes import PaymentIntent, entry_of, key_of, refund_of
from apps.payments.gateways.wire import Wire
from gdmarket import clock, ids

KEYS_LIVE = timedelta(hours=12)  # Stripe forgets idempotency keys after 24 hours, and its search knows what is an hour old
_METHOD = re.compile(r"pm_[A-Za-z0-9_]{1,250}\Z")


class StripeGateway:
    """Stripe; a method is a PaymentMethod, `pm_…`, and must need no further act of the renter's.

    Nobody but us can confirm a PaymentIntent of ours, as its client secret never leaves this process, and we confirm only one that
    nobody has attempted yet, under one idempotency key: what was declined stays declined, what was canceled is a tombstone.
    """

    def __init__(
        self, *, base_url: str, secret_key: str, webhook_secrets: Sequence[str] = (), now: Callable[[], datetime] = clock.now
    ) -> None:
        self._wire = Wire(base_url=base_url)
        self._secret_key = secret_key
        self._webhook_secrets = tuple(webhook_secrets)
        self._now = now

    def accepts(self, *, method: str) -> bool:
        """Say whether `method` can be a PaymentMethod's id."""
        return _METHOD.match(method) is not None

    def refusal_of(self, *, intent: Intent) -> Entry | None:
        """Return None: everything is asked."""
        return None

    def charge(self, *, intent: Intent, deadline_s: float) -> Entry:
        """Make the PaymentIntent and confirm it, unless it was attempted before."""
        session = self._session(deadline_s)
        found = self._find_or_make(session, intent)
        entry = entry_of(found)
        return session.confirm(found.id, intent) if entry.standing is Standing.NOT_FOUND else entry

    def refund(self, *, intent: Intent, refund_key: UUID, amount: int, deadline_s: float) -> RefundEntry:
        """Refund the PaymentIntent, unless a refund of ours stands there already.

        One that failed later stays refused: Stripe cannot reach that card, and a person must find another way. If they refund by hand,
        the key in the metadata, `gdmarket_refund`, tells us.
        """
        session = self._session(deadline_s)
        found = self._find(session, intent)
        entry = entry_of(found) if found else Entry(standing=Standing.NOT_FOUND)
        if found is None or entry.standing is not Standing.CHARGED:
            return RefundEntry(standing=RefundStanding.REFUSED, reason="not_charged")
        seen = [refund_of(refund, amount=amount) for refund in session.refunds_of(found.id, refund_key=refund_key)]
        if seen:
            return min(seen, key=lambda refund: list(RefundStanding).index(refund.standing))
        if entry.refunded + amount > entry.amount:
            return RefundEntry(standing=RefundStanding.REFUSED, reason="more_than_charged")
        return session.refund(found.id, key=intent.key, refund_key=refund_key, amount=amount)

    def void(self, *, intent: Intent, deadline_s: float) -> Entry:
        """Cancel the PaymentIntent, made for that if need be: a charge still on its way finds it canceled."""
        session = self._session(deadline_s)
        found = self._find_or_make(session, intent)
        entry = entry_of(found)
        return session.cancel(found.id, key=intent.key) if entry.standing is Standing.NOT_FOUND else entry

    def lookup(self, *, intent: Intent, deadline_s: float) -> Entry:
        """Read the PaymentIntent."""
        found = self._find(self._session(deadline_s), intent)
        return entry_of(found) if found else Entry(standing=Standing.NOT_FOUND)

    def list_charges(self, *, since: datetime, until: datetime, cursor: str = "", deadline_s: float) -> Page:
        """Return the PaymentIntents that were made in this time and charged."""
        session = self._session(deadline_s)
        since_s, until_s = (math.ceil(at.timestamp()) for at in (since, until))
        intents, after = session.list(since_s=since_s, until_s=until_s, after=cursor)
        charged = (Listed(key=key_of(intent.metadata), entry=entry_of(intent)) for intent in intents if intent.status == "succeeded")
        return Page(charges=tuple(charged), cursor=after)

    def read_webhook(self, *, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice | None:
        """Return which PaymentIntent an event of Stripe's is about, if its signature is right and at most 300 s old."""
        return webhook.read(signature=headers.get("stripe-signature", ""), body=body, secrets=self._webhook_secrets, now=now)

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def _session(self, deadline_s: float) -> Session:
        return Session(wire=self._wire, secret_key=self._secret_key, deadline_s=deadline_s)

    def _find(self, session: Session, intent: Intent) -> PaymentIntent | None:
        """Find the PaymentIntent of a key as it stands now.

        Search may be an hour late and knows no young one; making a young one again is idempotent, charges nothing and finds it.
        """
        if intent.reference:
            return session.read(intent.reference, key=intent.key)
        if self._is_young(intent.key):
            made = session.make(intent)
            if made is not None:
                return made
        return session.search(key=intent.key)

    def _find_or_make(self, session: Session, intent: Intent) -> PaymentIntent:
        found = self._find(session, intent) or session.make(intent)
        if found is None:
            raise NoAnswerError("key_reused")
        return found

    def _is_young(self, key: UUID) -> bool:
        return key.version == ids.VERSION and self._now() < ids.made_at(key) + KEYS_LIVE
