"""Toss Payments as documented, with a store."""

import json
from base64 import b64encode
from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from apps.payments.gateways.port import ChargeRecord, ChargeStatus
from tests.unit.payments.provider_stub import ProviderStub, Reply, Request, recorded

SECRET = "test_sk_zXLkKEypNArWmo50nX3lmeaxYG5R"
PAYMENT_KEY = "5zJ4xY7m0kODnyRpQWGrN2xqGlNvLrKwv1M9ENjbeoPaZdL6"
CONFIRM = "POST /v1/payments/confirm"
READ = f"GET /v1/payments/{PAYMENT_KEY}"
CANCEL = f"POST /v1/payments/{PAYMENT_KEY}/cancel"
KST = timezone(timedelta(hours=9))


class TossStub(ProviderStub):
    """Its idempotency keys are kept by key and path whatever the body, as Toss does; `clock` is its own."""

    def __init__(self) -> None:
        super().__init__()
        self.payments: dict[str, dict[str, Any]] = {}
        self.refusals: dict[str, str] = {}
        self.transactions: list[dict[str, Any]] = []
        self.clock = datetime(2026, 5, 1, 3, tzinfo=UTC)
        self._replayed: dict[tuple[str, str], Reply] = {}

    def authenticate(self, *, order_id: str, amount: int, payment_key: str, refusal: str = "") -> str:
        """Let a renter pay in Toss's window; return the method that the app then sends. `refusal` is what approving will come to."""
        changes = {"orderId": order_id, "paymentKey": payment_key, "totalAmount": amount, "balanceAmount": amount}
        self.payments[payment_key] = recorded("toss/payment") | changes | {"status": "IN_PROGRESS", "approvedAt": None}
        self.refusals[payment_key] = refusal
        return f"{order_id}:{payment_key}"

    def answer(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Basic {b64encode(f'{SECRET}:'.encode()).decode()}":
            return refused(401, "UNAUTHORIZED_KEY")
        if request.method == "GET":
            return self._list(request) if request.path == "/v1/transactions" else self._read(request)
        seen = (request.headers["idempotency-key"], request.path)
        if seen not in self._replayed:
            wish = json.loads(request.body)
            reply = self._confirm(wish) if request.path.endswith("/confirm") else self._cancel(request, wish)
            self._replayed[seen] = Reply(status=reply.status, body=deepcopy(reply.body))
        return self._replayed[seen]

    def forget_keys(self) -> None:
        """Let 15 days pass for every idempotency key."""
        self._replayed.clear()

    def _confirm(self, wish: dict[str, Any]) -> Reply:
        payment = self.payments.get(wish["paymentKey"])
        if payment is None:
            return refused(404, "NOT_FOUND_PAYMENT")
        if payment["status"] in {"DONE", "CANCELED", "PARTIAL_CANCELED"}:
            return refused(400, "ALREADY_PROCESSED_PAYMENT")
        if payment["status"] != "IN_PROGRESS":
            return refused(404, "NOT_FOUND_PAYMENT_SESSION")
        if (wish["orderId"], wish["amount"]) != (payment["orderId"], payment["totalAmount"]):
            return refused(400, "INVALID_REQUEST")
        refusal = self.refusals[payment["paymentKey"]]
        if refusal:
            payment.update(status="ABORTED", failure={"code": refusal, "message": "…"})
            return refused(403, refusal)
        payment.update(status="DONE", approvedAt=self._now())
        self._write(payment, payment["totalAmount"])
        return Reply(body=payment)

    def _cancel(self, request: Request, wish: dict[str, Any]) -> Reply:
        payment = self.payments.get(request.path.split("/")[3])
        if payment is None:
            return refused(404, "NOT_FOUND_PAYMENT")
        if payment["status"] == "CANCELED":
            return refused(400, "ALREADY_CANCELED_PAYMENT")
        if wish["cancelAmount"] > payment["balanceAmount"]:
            return refused(403, "NOT_CANCELABLE_AMOUNT")
        payment["balanceAmount"] -= wish["cancelAmount"]
        payment["status"] = "PARTIAL_CANCELED" if payment["balanceAmount"] else "CANCELED"
        key = self._write(payment, -wish["cancelAmount"])
        cancel = recorded("toss/cancel") | wish | {"transactionKey": key, "refundableAmount": payment["balanceAmount"]}
        payment["cancels"] = [*(payment["cancels"] or []), cancel]
        return Reply(body=payment)

    def _read(self, request: Request) -> Reply:
        payment = self.payments.get(request.path.split("/")[3])
        return refused(404, "NOT_FOUND_PAYMENT") if payment is None else Reply(body=payment)

    def _list(self, request: Request) -> Reply:
        since, until = (datetime.fromisoformat(request.query[name]).replace(tzinfo=KST) for name in ("startDate", "endDate"))
        lines = [line for line in self.transactions if since <= datetime.fromisoformat(line["transactionAt"]) <= until]
        keys = [line["transactionKey"] for line in lines]
        first = keys.index(request.query["startingAfter"]) + 1 if "startingAfter" in request.query else 0
        return Reply(body=lines[first : first + int(request.query["limit"])])

    def _write(self, payment: dict[str, Any], amount: int) -> str:
        key = f"txrd_{len(self.transactions):04}"
        changes = {"transactionKey": key, "paymentKey": payment["paymentKey"], "orderId": payment["orderId"], "amount": amount}
        status = payment["status"] if amount < 0 else "DONE"
        self.transactions.append(recorded("toss/transaction") | changes | {"status": status, "transactionAt": self._now()})
        return key

    def _now(self) -> str:
        return self.clock.astimezone(KST).isoformat(timespec="seconds")


def charged(*, refunded: int = 0) -> ChargeRecord:
    """Return the record of 8,000 won charged by `PAYMENT_KEY`."""
    return ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, refunded=refunded, currency="KRW", reference=PAYMENT_KEY)


def refused(status: int, code: str) -> Reply:
    """Return a refusal as Toss words it."""
    return Reply(status=status, body=recorded("toss/error") | {"code": code})
