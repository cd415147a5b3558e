"""Walk one rental through a market that is open, from outside: `./dev walk ADDRESS`. The smoke test of a deployment.

It registers an item, requests it, pays, hands over and returns it, as people of the demo do, and looks at the pages that browsers see.
`--look` changes nothing: it asks whether the market is ready and looks at its lists and pages, for a market with real money.
"""

import gzip
import json
import re
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NoReturn

PATIENCE_S = 60.0
_PASSWORD = "gdmarket-demo"  # noqa: S105  # the demo's, printed for everybody


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came back for a request."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


class Market:
    """A market at an address, asked with a correlation id of this walk's own."""

    def __init__(self, *, address: str, story: str) -> None:
        self._address = address.rstrip("/")
        self.story = story

    def ask(self, method: str, path: str, *, token: str = "", body: object = None, expect: int | None = 200) -> Answer:
        """Send one request and return its answer; ends the walk where its status is another than `expect` (None: any will do)."""
        headers = {"X-Correlation-ID": self.story, "Accept-Encoding": "gzip"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._address + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=15) as response:
                answer = _answer(response.status, response.headers.items(), response.read())
        except urllib.error.HTTPError as refusal:
            answer = _answer(refusal.code, refusal.headers.items(), refusal.read())
        except OSError as failure:
            answer = _answer(0, [], str(failure).encode())
        if expect is not None and answer.status != expect:
            _end(f"{method} {path}: {answer.status} instead of {expect}: {answer.body[:500].decode(errors='replace')}")
        return answer

    def token_of(self, email: str, password: str) -> str:
        """Sign somebody in."""
        token: str = self.ask("POST", "/api/v1/auth/token", body={"email": email, "password": password}).json()["access"]
        return token


def _answer(status: int, headers: Any, body: bytes) -> Answer:
    told = {name.lower(): value for name, value in headers}
    return Answer(status=status, headers=told, body=gzip.decompress(body) if told.get("content-encoding") == "gzip" else body)


def main(arguments: list[str]) -> None:
    """Walk, saying each step; ends with exit code 1 and a sentence where a step is not as it should be."""
    parser = ArgumentParser(prog="./dev walk", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("address", help="as in http://127.0.0.1:8000")
    parser.add_argument("--look", action="store_true", help="change nothing: only look")
    parser.add_argument("--cancel", action="store_true", help="call the rental off when it is paid, and see the money come back")
    parser.add_argument("--manager", default="manager@example.com", metavar="EMAIL", help="an item manager (default: the demo's)")
    parser.add_argument("--renter", default="renter@example.com", metavar="EMAIL", help="a renter (default: the demo's)")
    parser.add_argument("--password", default=_PASSWORD, help="of both (default: the demo's)")
    options = parser.parse_args(arguments)
    market = Market(address=options.address, story=f"walk-{time.time_ns()}")
    _look(market)
    if not options.look:
        manager, renter = (market.token_of(email, options.password) for email in (options.manager, options.renter))
        _say("signed in two people")
        _rent(market, manager=manager, renter=renter, cancel=options.cancel)
        _say(f"the whole story, for an operator: ./dev manage bus trace {market.story}")


def _look(market: Market) -> None:
    _until(lambda: market.ask("GET", "/health/ready", expect=None).status == HTTPStatus.OK, "ready to serve")
    items = market.ask("GET", "/api/v1/items?limit=1").json()["results"]
    _say(f"listed {len(items)} item(s)")
    market.ask("GET", "/api/v1/schema")
    pages = [market.ask("GET", page).body.decode() for page in ("/api/v1/docs", "/admin/login/")]
    files = sorted({found for page in pages for found in re.findall(r'(?:src|href)="(/static/[^"]+)"', page)})
    missing = [path for path in files if market.ask("GET", path, expect=None).status != HTTPStatus.OK]
    if missing or not files:
        _end(f"the pages name static files that are not served: {missing}" if files else "the pages name no static file")
    _say(f"found the docs, the admin and their {len(files)} static files")


def _rent(market: Market, *, manager: str, renter: str, cancel: bool) -> None:
    offer = {
        "name": "Walking stick",
        "description": "Rented by ./dev walk.",
        "category": "test",
        "place": "here",
        "daily_price": 1000,
        "deposit": 0,
        "latitude": 37.5446,
        "longitude": 127.056,
    }
    item = market.ask("POST", "/api/v1/items", token=manager, body=offer, expect=201).json()["id"]
    _say(f"registered item {item}")
    rental = _request(market, item=item, renter=renter)
    _say(f"requested it: rental {rental}")
    paid = market.ask("POST", f"/api/v1/rentals/{rental}/payment", token=renter, body={"payment_method": "pm_ok"}, expect=None)
    if paid.status not in {HTTPStatus.OK, HTTPStatus.ACCEPTED}:
        _end(f"the payment: {paid.status}: {paid.body.decode()}")
    _until(lambda: market.ask("GET", f"/api/v1/rentals/{rental}", token=renter).json()["state"] == "paid", "paid")
    if cancel:
        market.ask("POST", f"/api/v1/rentals/{rental}/cancel", token=renter, body={"reason": "changed my mind"}, expect=None)
    else:
        _lend(market, rental=rental, manager=manager)
    status, wanted = f"/api/v1/status/rentals/{rental}", "cancelled" if cancel else "returned"
    _until(lambda: market.ask("GET", status, token=renter, expect=None).json().get("state") == wanted, f"{wanted}, says the status view")
    money = market.ask("GET", status, token=renter).json()["money"]
    _say(f"paid {money['paid']} {money['currency']}, given back {money['refunded']} {money['currency']}")
    market.ask("DELETE", f"/api/v1/items/{item}", token=manager, expect=204)
    _say("withdrew the item")


def _lend(market: Market, *, rental: str, manager: str) -> None:
    for step, state in (("handover", "rented"), ("return", "returned")):
        now = market.ask("POST", f"/api/v1/rentals/{rental}/{step}", token=manager).json()["state"]
        if now != state:
            _end(f"after the {step} the rental is {now}, not {state}")
        _say(state)


def _request(market: Market, *, item: str, renter: str) -> str:
    """Request the item as soon as rentals has heard of it."""
    found: list[str] = []

    def is_requested() -> bool:
        answer = market.ask("POST", "/api/v1/rentals", token=renter, body={"item": item}, expect=None)
        if answer.status not in {HTTPStatus.CREATED, HTTPStatus.NOT_FOUND}:
            _end(f"the request: {answer.status}: {answer.body.decode()}")
        found.extend([answer.json()["id"]] if answer.status == HTTPStatus.CREATED else [])
        return bool(found)

    _until(is_requested, "known to rentals")
    return found[0]


def _until(seen: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not seen():
        if time.monotonic() > deadline:
            _end(f"not within {PATIENCE_S:g} s: {what}")
        time.sleep(0.2)
    _say(what)


def _say(what: str) -> None:
    print(f"walk: {what}", flush=True)


def _end(why: str) -> NoReturn:
    sys.exit(f"walk: {why}")


if __name__ == "__main__":
    main(sys.argv[1:])
