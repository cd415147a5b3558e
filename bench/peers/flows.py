"""What one customer does, on each product: the requests of one order or rental, in its own API."""

import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from typing import Any

from bench.paid_requests import PaidRequests
from bench.wire import Measured, Scenario, encode, exchanges, percentiles
from deploy.client import API, Request

_TOWNS = ("37.5446,127.0559", "37.2636,127.0286", "35.1796,129.0756", "37.5133,127.1001")
_WARM_UP_S = 3.0
Step = Generator[Request | bytes, tuple[int, bytes], Any]
# One flow of a client, by its number.
Flow = Callable[[int], Scenario]


class FlowError(RuntimeError):
    """A request of a flow was refused."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shop:
    """A product that is being served, and what a customer does there."""

    name: str
    port: int
    # Makes the flow of one measurement: the one before was cut off in the midst of orders.
    begin: Callable[[], Flow]


def measure(shop: Shop, *, clients: int, seconds: float) -> Measured:
    """Let `clients` go through the flow again and again; what is counted are whole flows."""
    flow = shop.begin()
    begins = time.perf_counter() + _WARM_UP_S
    ends = begins + seconds
    latencies: list[float] = []
    failures: list[str] = []

    def scenario(number: int) -> Scenario:
        while True:
            began = time.perf_counter()
            try:
                yield from flow(number)
            except FlowError as refused:
                failures.append(str(refused))
            ended = time.perf_counter()
            if begins <= ended <= ends:
                latencies.append((ended - began) * 1000)

    for _ in exchanges(port=shop.port, scenarios=[scenario(number) for number in range(clients)], ends=ends):
        pass
    if failures:
        raise FlowError(f"{shop.name}: {failures[0]}")
    cuts = percentiles(latencies)
    return Measured(requests_per_s=len(latencies) / seconds, p50_ms=cuts[49], p99_ms=cuts[98], answered=len(latencies), failed=0)


def ask(request: Request | bytes) -> Step:
    """Send a request and return the answer's JSON.

    :raises FlowError: if it is refused
    """
    status, body = yield request
    if not HTTPStatus.OK <= status < HTTPStatus.BAD_REQUEST:
        raise FlowError(f"{status} {body[:300]!r} for {request!r}")
    return json.loads(body)


def rental(*, tokens: Sequence[str], items: Sequence[str]) -> Flow:
    """Search nearby, look at one, request and pay, ask how it stands: four requests."""
    paid = PaidRequests(items=items, tokens=tokens)
    paying = [paid.of(number) for number in range(len(items))]
    turns = count()

    def flow(number: int) -> Scenario:
        token = tokens[number % len(items) % len(tokens)]
        found = yield from ask(Request(path=f"{API}/items?limit=20&near={_TOWNS[next(turns) % len(_TOWNS)]}&radius_m=5000"))
        yield from ask(Request(path=f"{API}/items/{found['results'][number % len(found['results'])]['id']}", token=token))
        made = yield from ask(next(paying[number % len(paying)]))
        status = yield from ask(Request(path=f"{API}/status/rentals/{made['id']}?min_version={made['version']}", token=token))
        if status["state"] != "paid":
            raise FlowError(f"a rental is {status['state']}, not paid; the answer to its request said {made['state']}")

    return flow


def oscar_order(*, port: int, tokens: Sequence[str], country: str) -> Flow:
    """List products, look at one, put it into the basket, check out (nobody is asked for money), look at the order: five requests."""
    base = f"http://localhost:{port}/api"
    address = {"country": f"{base}/countries/{country}/", "first_name": "A", "last_name": "B", "line1": "1", "line4": "Seoul"}
    address |= {"postcode": "04781", "state": ""}

    def flow(number: int) -> Scenario:
        headers = {"Authorization": f"Token {tokens[number % len(tokens)]}", "Host": f"localhost:{port}"}

        def send(method: str, path: str, body: Any = None) -> Step:
            return (yield from ask(encode(method, path, headers=headers, body=body)))

        found = yield from send("GET", "/api/products/?limit=20")
        product = found["results"][number % len(found["results"])]["id"]
        yield from send("GET", f"/api/products/{product}/")
        basket = yield from send("POST", "/api/basket/add-product/", {"url": f"{base}/products/{product}/", "quantity": 1})
        order = yield from send("POST", "/api/checkout/", {"basket": basket["url"], "shipping_address": address})
        yield from send("GET", order["url"].partition(f":{port}")[2])

    return flow


_SEARCH = """{ search(input: {take: 20, groupByProduct: true}) { totalItems items { productId productName productVariantId
  priceWithTax { ... on SinglePrice { value } ... on PriceRange { min } } } } }"""
_PRODUCT = "query($id: ID!) { product(id: $id) { id name description variants { id priceWithTax stockLevel } } }"
_ADD = """mutation($id: ID!) { addItemToOrder(productVariantId: $id, quantity: 1) {
  ... on Order { code } ... on ErrorResult { message } } }"""
_CUSTOMER = """mutation($method: [ID!]!) {
  setCustomerForOrder(input: {firstName: "A", lastName: "B", emailAddress: "a@example.com"}) { ... on ErrorResult { message } }
  setOrderShippingAddress(input: {streetLine1: "1", city: "Seoul", postalCode: "04781", countryCode: "KR"}) {
    ... on ErrorResult { message } }
  setOrderShippingMethod(shippingMethodId: $method) { ... on ErrorResult { message } }
  transitionOrderToState(state: "ArrangingPayment") { ... on OrderStateTransitionError { message } } }"""
_PAY = """mutation { addPaymentToOrder(input: {method: "standard-payment", metadata: {}}) {
  ... on Order { code state } ... on ErrorResult { message } } }"""
_ORDER = "query($code: String!) { orderByCode(code: $code) { code state totalWithTax } }"


def vendure_order(*, tokens: Sequence[str], method: str) -> Flow:
    """Search, look at one, add it, say who and where to, pay by the dummy provider, look at the order: six requests."""

    def flow(number: int) -> Scenario:
        headers = {"Authorization": f"Bearer {tokens[number % len(tokens)]}"}

        def send(query: str, **variables: Any) -> Step:
            return (yield from graphql(query, headers=headers, **variables))

        found = yield from send(_SEARCH)
        items = found["search"]["items"]
        item = items[number % len(items)]
        yield from send(_PRODUCT, id=item["productId"])
        yield from send(_ADD, id=item["productVariantId"])
        yield from send(_CUSTOMER, method=[method])
        paid = yield from send(_PAY)
        order = yield from send(_ORDER, code=paid["addPaymentToOrder"]["code"])
        if order["orderByCode"]["state"] != "PaymentSettled":
            raise FlowError(f"an order is {order}, not paid")

    return flow


def graphql(query: str, *, headers: Mapping[str, str], **variables: Any) -> Step:
    """Send a query to Vendure's shop API and return its data.

    :raises FlowError: if it, or a part of it, is refused
    """
    answer = yield from ask(encode("POST", "/shop-api", headers=headers, body={"query": query, "variables": variables}))
    refused = [part for part in (answer.get("data") or {}).values() if isinstance(part, dict) and "message" in part]
    if "errors" in answer or refused:
        raise FlowError(f"{answer}")
    return answer["data"]
