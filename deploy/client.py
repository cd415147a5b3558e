"""An HTTP client for loads: requests over one connection that is kept, with JSON in and the raw answer out."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any

API = "/api/v1"
RENTERS = ("renter@example.com", "renter2@example.com", "renter3@example.com")
PASSWORD = "gdmarket-demo"  # noqa: S105  # the demo's, printed for everybody


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request; the body is sent as JSON."""

    method: str = "GET"
    path: str
    token: str = ""
    body: dict[str, Any] | None = None


class Client:
    """One connection to a server on this machine."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def send(self, request: Request) -> tuple[int, bytes]:
        """Return the status and the body of the answer."""
        headers = {"Authorization": f"Bearer {request.token}"} if request.token else {}
        body = None if request.body is None else json.dumps(request.body)
        if body is not None:
            headers["Content-Type"] = "application/json"
        self._connection.request(request.method, request.path, body=body, headers=headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._connection.close()

    def sign_in(self, email: str) -> str:
        """Return an access token for a person with the demo's password."""
        status, body = self.send(Request(method="POST", path=f"{API}/auth/token", body={"email": email, "password": PASSWORD}))
        assert status == HTTPStatus.OK, body  # noqa: S101  # a measurement ends here
        return str(json.loads(body)["access"])

    def register(self, *, email: str) -> str:
        """Register a person with the demo's password, and return an access token."""
        person = {"email": email, "password": PASSWORD, "display_name": email.partition("@")[0]}
        status, body = self.send(Request(method="POST", path=f"{API}/auth/register", body=person))
        assert status == HTTPStatus.CREATED, body  # noqa: S101  # a measurement ends here
        return self.sign_in(email)
