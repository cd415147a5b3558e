"""Stripe as documented, with a store."""

import time
from copy import deepcopy
from typing import Any
from urllib.parse import parse_qsl

from apps.payments.gateways.port import ChargeRecord, ChargeStatus
from tests.unit.payments.provider_stub import ProviderStub, Reply, Request, recorded

SECRET = "sk_test_26PHem9AhJZvU623DfE1x4sd"
MAKE = "POST /v1/payment_intents"
READ = "GET /v1/payment_intents/pi_0000"
SEARCH = "GET /v1/payment_intents/search"
CONFIRM = "POST /v1/payment_intents/pi_0000/confirm"
CANCEL = "POST /v1/payment_intents/pi_0000/cancel"
REFUND = "POST /v1/refunds"
CHARGED = ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, currency="KRW", reference="pi_0000")
SETTLED = {"succeeded", "canceled", "processing"}
DECLINES = {"pm_declined": {"code": "card_declined", "decline_code": "insufficient_funds"}}
UNFINISHED = {"pm_acts": {"code": "authentication_required", "decline_code": "authentication_required"}}


class StripeStub(ProviderStub):
    """It replays what a key was answered, errors too, and refuses the key for another request; search lags if not `is_searchable`."""

    def __init__(self) -> None:
        super().__init__()
        self.payments: dict[str, dict[str, Any]] = {}
        self.refunds: list[dict[str, Any]] = []
        self.is_searchable = True
        self.refund_status = "succeeded"
        self._replayed: dict[str, tuple[tuple[str, bytes], Reply]] = {}

    def answer(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {SECRET}":
            return refused(401, type="invalid_request_error", code=None, message="Invalid API Key provided: sk_test_****x4sd")
        if request.method == "GET":
            return self._read(request)
        key, asked = request.headers["idempotency-key"], (request.path, request.body)
        if key in self._replayed:
            before, reply = self._replayed[key]
            if before != asked:
                return refused(400, type="idempotency_error", code=None)
            return Reply(status=reply.status, body=reply.body, headers=(("Idempotent-Replayed", "true"),))
        reply = self._change(request)
        self._replayed[key] = asked, Reply(status=reply.status, body=deepcopy(reply.body))
        return reply

    def forget_keys(self) -> None:
        """Let a day pass for every idempotency key."""
        self._replayed.clear()

    def succeeded(self) -> int:
        """Return how many PaymentIntents were charged."""
        return sum(intent["status"] == "succeeded" for intent in self.payments.values())

    def _change(self, request: Request) -> Reply:
        wish = dict(parse_qsl(request.body.decode()))
        match request.path.strip("/").split("/")[1:]:
            case ["payment_intents"]:
                return self._make(wish)
            case ["payment_intents", name, act] if name in self.payments:
                return self._confirm(self.payments[name], wish) if act == "confirm" else self._cancel(self.payments[name])
            case ["refunds"]:
                return self._refund(wish)
            case _:
                return refused(404)

    def _make(self, wish: dict[str, str]) -> Reply:
        name = f"pi_{len(self.payments):04}"
        changes = {
            "id": name,
            "amount": int(wish["amount"]),
            "currency": wish["currency"],
            "metadata": _metadata(wish),
            "created": int(time.time()),
        }
        self.payments[name] = recorded("stripe/payment_intent") | changes
        return Reply(body=deepcopy(self.payments[name]))

    def _confirm(self, intent: dict[str, Any], wish: dict[str, str]) -> Reply:
        if intent["status"] in SETTLED:
            return refused(400, code="payment_intent_unexpected_state")
        method = wish["payment_method"]
        if method == "pm_unknown":
            return refused(400, code="resource_missing", param="payment_method")
        if method in DECLINES | UNFINISHED:
            error = recorded("stripe/card_error")["error"] | (DECLINES | UNFINISHED)[method]
            intent["last_payment_error"] = error
            return Reply(status=402, body={"error": error | {"payment_intent": intent}})
        charge = recorded("stripe/charge") | {"id": f"ch_{intent['id']}", "payment_intent": intent["id"], "amount": intent["amount"]}
        intent.update(status="succeeded", amount_received=intent["amount"], latest_charge=charge)
        return Reply(body=deepcopy(intent))

    def _cancel(self, intent: dict[str, Any]) -> Reply:
        if intent["status"] in SETTLED:
            return refused(400, code="payment_intent_unexpected_state")
        intent["status"] = "canceled"
        return Reply(body=deepcopy(intent))

    def _refund(self, wish: dict[str, str]) -> Reply:
        intent, amount = self.payments[wish["payment_intent"]], int(wish["amount"])
        charge = intent["latest_charge"]
        if charge["amount_refunded"] + amount > intent["amount"]:
            return refused(400, code="charge_already_refunded")
        changes = {"id": f"re_{len(self.refunds):04}", "amount": amount, "payment_intent": intent["id"], "metadata": _metadata(wish)}
        self.refunds.insert(0, recorded("stripe/refund") | changes | {"status": self.refund_status})
        charge["amount_refunded"] += amount
        return Reply(body=deepcopy(self.refunds[0]))

    def _read(self, request: Request) -> Reply:
        match request.path.strip("/").split("/")[1:]:
            case ["payment_intents"]:
                return self._list(request)
            case ["payment_intents", "search"]:
                found = [
                    intent for intent in self.payments.values() if intent["metadata"].get("gdmarket_payment", "-") in request.query["query"]
                ]
                return Reply(body=recorded("stripe/search_result") | {"data": found if self.is_searchable else []})
            case ["payment_intents", name] if name in self.payments:
                return Reply(body=deepcopy(self.payments[name]))
            case ["refunds"]:
                seen = [refund for refund in self.refunds if refund["payment_intent"] == request.query["payment_intent"]]
                return Reply(body=recorded("stripe/list") | {"data": seen})
            case _:
                return refused(404)

    def _list(self, request: Request) -> Reply:
        since, until = int(request.query["created[gte]"]), int(request.query["created[lt]"])
        newest_first = [intent for intent in reversed(self.payments.values()) if since <= intent["created"] < until]
        names = [intent["id"] for intent in newest_first]
        first = names.index(request.query["starting_after"]) + 1 if "starting_after" in request.query else 0
        page = newest_first[first : first + int(request.query["limit"])]
        has_more = bool(page) and page[-1]["id"] != names[-1]
        return Reply(body=recorded("stripe/list") | {"data": deepcopy(page), "has_more": has_more})


def refused(status: int, **changes: Any) -> Reply:
    """Return a refusal as Stripe words it."""
    return Reply(status=status, body={"error": recorded("stripe/error")["error"] | changes})


def _metadata(wish: dict[str, str]) -> dict[str, str]:
    return {name[9:-1]: value for name, value in wish.items() if name.startswith("metadata[")}
