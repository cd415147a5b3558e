"""Walk one rental through a running deployment, from outside: `./dev walk ADDRESS`. Its smoke test.

It registers an item, requests it, pays, hands over and returns it, as people of the demo do, and looks at the pages that browsers see.
`--look` changes nothing: it checks readiness, lists and pages, for a deployment with real money.
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
from typing import Any, NoReturn

TIMEOUT_S = 60.0
_PASSWORD = "gdmarket-demo"  # noqa: S105  # the demo's, printed for everybody
_ITEM: dict[str, object] = {
    "name": "Walking stick",
    "description": "Rented by ./dev walk.",
    "place": "here",
    "daily_price": 1000,
    "deposit": 0,
    "latitude": 37.5446,
    "longitude": 127.056,
}


class Deployment:
    """A deployment at an address, called with a correlation id of this walk."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self.correlation = f"walk-{time.time_ns()}"

    def call(self, method: str, path: str, *, token: str = "", body: object = None) -> tuple[int, bytes]:
        """Send one request; return its status, 0 where no response came, and the body."""
        headers = {"X-Correlation-ID": self.correlation, "Accept-Encoding": "gzip", "Content-Type": "application/json"}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._address + path, data=data, headers=headers, method=method)
        try:
            response = urllib.request.urlopen(request, timeout=15)
        except urllib.error.HTTPError as refusal:
            response = refusal
        except OSError as failure:
            return 0, str(failure).encode()
        with response:
            content = response.read()
            return response.status, gzip.decompress(content) if response.headers.get("Content-Encoding") == "gzip" else content

    def expect(self, method: str, path: str, *, token: str = "", body: object = None, status: tuple[int, ...] = (200,)) -> bytes:
        """Send one request and return the body; ends the walk where the status is another."""
        actual, content = self.call(method, path, token=token, body=body)
        if actual not in status:
            _end(f"{method} {path}: {actual} instead of {status[0]}: {content[:500].decode(errors='replace')}")
        return content

    def expect_json(self, method: str, path: str, **options: Any) -> Any:
        """Do the same, and return the JSON."""
        return json.loads(self.expect(method, path, **options))


def main(arguments: list[str]) -> None:
    """Walk, and print each step; ends with exit code 1 and a message where a step fails."""
    parser = ArgumentParser(prog="./dev walk", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("address", help="as in http://127.0.0.1:8000")
    parser.add_argument("--look", action="store_true", help="change nothing")
    parser.add_argument("--cancel", action="store_true", help="cancel the rental once it is paid, and wait for the refund")
    parser.add_argument("--manager", default="manager@example.com", metavar="EMAIL", help="an item manager (default: the demo's)")
    parser.add_argument("--renter", default="renter@example.com", metavar="EMAIL", help="a renter (default: the demo's)")
    parser.add_argument("--password", default=_PASSWORD, help="of both (default: the demo's)")
    options = parser.parse_args(arguments)
    deployment = Deployment(options.address)
    _look(deployment)
    if not options.look:
        people = ({"email": email, "password": options.password} for email in (options.manager, options.renter))
        manager, renter = (deployment.expect_json("POST", "/api/v1/auth/token", body=person)["access"] for person in people)
        _print("signed in two people")
        _rent(deployment, manager=manager, renter=renter, cancel=options.cancel)
        _print(f"the trace, for an operator: ./dev manage bus trace {deployment.correlation}")


def _look(deployment: Deployment) -> None:
    _wait_until(lambda: deployment.call("GET", "/health/ready")[0] == 200, "ready to serve")  # noqa: PLR2004  # HTTP's OK
    _print(f"listed {len(deployment.expect_json('GET', '/api/v1/items?limit=1')['results'])} item(s)")
    deployment.expect("GET", "/api/v1/schema")
    pages = [deployment.expect("GET", page).decode() for page in ("/api/v1/docs", "/admin/login/")]
    files = sorted({found for page in pages for found in re.findall(r'(?:src|href)="(/static/[^"]+)"', page)})
    if not files:
        _end("the pages name no static file")
    for path in files:
        deployment.expect("GET", path)
    _print(f"found the docs, the admin and their {len(files)} static files")


def _rent(deployment: Deployment, *, manager: str, renter: str, cancel: bool) -> None:
    category = deployment.expect_json("GET", "/api/v1/categories")["results"][-1]["key"]
    body = {**_ITEM, "category": category}
    item = deployment.expect_json("POST", "/api/v1/items", token=manager, body=body, status=(201,))["id"]
    _print(f"registered item {item}")
    created: dict[str, Any] = {}

    def is_requested() -> bool:  # 404 until rentals has received the item's event
        created.update(deployment.expect_json("POST", "/api/v1/rentals", token=renter, body={"item": item}, status=(201, 404)))
        return "id" in created

    _wait_until(is_requested, "known to rentals")
    rental = f"/api/v1/rentals/{created['id']}"
    _print(f"requested it: rental {created['id']}")
    deployment.expect("POST", f"{rental}/payment", token=renter, body={"payment_method": "pm_ok"}, status=(200, 202))
    _wait_until(lambda: deployment.expect_json("GET", rental, token=renter)["state"] == "paid", "paid")
    if cancel:
        deployment.expect("POST", f"{rental}/cancel", token=renter, body={"reason": "changed my mind"}, status=(200, 202))
    else:
        for step, state in (("handover", "rented"), ("return", "returned")):
            actual = deployment.expect_json("POST", f"{rental}/{step}", token=manager)["state"]
            if actual != state:
                _end(f"after the {step} the rental is {actual}, not {state}")
            _print(state)
    status, wanted = rental.replace("/rentals/", "/status/rentals/"), "cancelled" if cancel else "returned"
    _wait_until(
        lambda: json.loads(deployment.call("GET", status, token=renter)[1]).get("state") == wanted, f"{wanted}, says the status view"
    )
    money = deployment.expect_json("GET", status, token=renter)["money"]
    _print(f"paid {money['paid']} {money['currency']}, given back {money['refunded']} {money['currency']}")
    deployment.expect("DELETE", f"/api/v1/items/{item}", token=manager, status=(204,))
    _print("withdrew the item")


def _wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            _end(f"not within {TIMEOUT_S:g} s: {what}")
        time.sleep(0.2)
    _print(what)


def _print(text: str) -> None:
    print(f"walk: {text}", flush=True)


def _end(why: str) -> NoReturn:
    sys.exit(f"walk: {why}")


if __name__ == "__main__":
    main(sys.argv[1:])
